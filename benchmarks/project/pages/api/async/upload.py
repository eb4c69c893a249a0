async def handler(req, res):
    file = req.files["file"]
    res.json({"filename": file.filename, "size": len(file.read())})
