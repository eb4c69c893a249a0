"""Where the provider sends the user back to, with a code."""

from typing import Any

from authlib.integrations.httpx_client import OAuthError
from joserfc.errors import JoseError

from apiroutes import ApiError, Request, redirect
from provider import fetch_claims


async def GET(req: Request, state: str = "", code: str = "", error: str = "") -> Any:
    begun = req.session.get("begun", {}).get(state)
    if begun is None:  # somebody else's, who wants the user to be in their account, or an old one
        raise ApiError(400, "This sign-in was not begun in this browser, or long ago: open /api/login again")
    if error or not code:
        raise ApiError(403, "The provider has not signed you in")
    try:
        claims = await fetch_claims(code, begun["verifier"], begun["nonce"])
    except (OAuthError, JoseError, KeyError, ValueError) as failure:
        raise ApiError(403, "The provider's answer is not valid: open /api/login again") from failure
    del req.session["begun"]
    req.session.rotate(claims["sub"])
    req.session["user"] = {"id": claims["sub"], "email": claims.get("email")}
    return redirect(begun["next"], 303)
