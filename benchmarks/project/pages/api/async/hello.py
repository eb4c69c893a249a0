async def handler(req, res):
    res.json({"message": "Hello"})
