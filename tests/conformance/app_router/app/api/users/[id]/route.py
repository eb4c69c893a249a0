from apiroutes import json


async def GET(params):
    if params["id"] == "404":
        return json({"error": "Not found"}, status=404)
    return {"file": "[id]", "params": params}


async def PATCH(params, body):
    return {"id": params["id"], "patch": body}


async def DELETE(res):
    res.status(204).end()
