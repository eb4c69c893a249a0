"""The provider at which users sign in, by OpenID Connect."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from authlib.integrations.httpx_client import AsyncOAuth2Client
from httpx2 import HTTPError
from joserfc import jwt
from joserfc.jwk import KeySet

from apiroutes import ApiError

ISSUER, SITE = os.environ["OIDC_ISSUER"], os.environ["SITE_URL"]
ID, SECRET = os.environ["OIDC_CLIENT_ID"], os.environ["OIDC_CLIENT_SECRET"]


@asynccontextmanager
async def client() -> AsyncIterator[AsyncOAuth2Client]:
    """Give a client of the provider, which sends users back to an address that it knows."""
    options: dict[str, Any] = {"scope": "openid email", "redirect_uri": f"{SITE}/api/callback"}
    async with AsyncOAuth2Client(ID, SECRET, code_challenge_method="S256", timeout=10, **options) as session:
        try:
            yield session
        except HTTPError as error:
            raise ApiError(503, "The provider cannot be reached") from error


async def read(session: AsyncOAuth2Client, url: str) -> Any:
    return (await session.request("GET", url, withhold_token=True)).raise_for_status().json()


async def describe(session: AsyncOAuth2Client) -> Any:
    """Return what the provider says of itself: its addresses."""
    return await read(session, f"{ISSUER}/.well-known/openid-configuration")


async def fetch_claims(code: str, verifier: str, nonce: str) -> dict[str, Any]:
    """Return what the provider says of the user, for the code that it has given to the browser."""
    async with client() as session:
        addresses = await describe(session)
        token = await session.fetch_token(addresses["token_endpoint"], code=code, code_verifier=verifier)
        keys = KeySet.import_key_set(await read(session, addresses["jwks_uri"]))
    claims = jwt.decode(token["id_token"], keys, algorithms=["RS256"]).claims
    values = {"iss": ISSUER, "aud": ID, "nonce": nonce, "sub": None, "exp": None}
    rules: Any = {name: {"essential": True, "value": value} for name, value in values.items()}
    jwt.JWTClaimsRegistry(leeway=60, **rules).validate(claims)
    return claims
