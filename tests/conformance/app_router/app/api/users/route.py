from apiroutes import json


async def GET(query):
    return {"data": ["ada", "bob"], "pagination": {"page": int(query.get("page") or "1")}}


async def POST(body):
    if not body.get("name"):
        return json({"error": {"name": "required"}}, status=400)
    return json(body, status=201)
