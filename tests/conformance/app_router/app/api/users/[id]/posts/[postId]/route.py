async def GET(params):
    return {"file": "[id]/posts/[postId]", "params": params}
