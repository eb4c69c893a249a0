def handler(req, res):
    query = req.query
    res.json({"id": query["id"], "sort": query["sort"], "page": query["page"]})
