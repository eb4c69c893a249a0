from apiroutes import json


async def signed_in(req, res, next):
    if req.headers.get("Authorization") != "Bearer letmein":
        return json({"error": "Sign in first"}, status=401)
    req.context["user"] = "ada"
    await next()


def other(req, res, next):
    next()
    res.set_header("X-Other", "1")
