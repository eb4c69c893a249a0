"""Send the user to the provider: /api/login?next=/api/me."""

from typing import Any

from authlib.common.security import generate_token

from apiroutes import Request, is_local, redirect
from provider import client, describe


async def GET(req: Request, next: str = "/api/me") -> Any:
    begun = {"verifier": generate_token(64), "nonce": generate_token(32)}
    async with client() as session:
        address = (await describe(session))["authorization_endpoint"]
        options = {"code_verifier": begun["verifier"], "nonce": begun["nonce"]}
        url, state = session.create_authorization_url(address, **options)
    begun["next"] = next if is_local(next) else "/api/me"
    # Each tab has a sign-in of its own; a cookie has room for the last three.
    earlier = [*req.session.get("begun", {}).items()][-2:]
    req.session["begun"] = {**dict(earlier), state: begun}
    return redirect(url)
