config = {"api": {"bodyParser": {"sizeLimit": "2mb"}}}


def handler(req, res):
    fields = {name: value if isinstance(value, list) else [value] for name, value in (req.body or {}).items()}
    files = [
        {"name": name, "filename": file.filename, "size": len(file.read()), "type": file.mimetype}
        for name, file in req.files.items(multi=True)
    ]
    res.json({"fields": fields, "files": files})
