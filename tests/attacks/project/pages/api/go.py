def handler(req, res):
    try:
        res.safe_redirect(req.query["to"])
    except ValueError as error:
        res.status(400).json({"error": str(error)})
