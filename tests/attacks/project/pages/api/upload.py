config = {"api": {"bodyParser": {"sizeLimit": "2mb"}}}


def handler(req, res):
    # A body that is no form is text, bytes or what JSON has.
    form = req.body if isinstance(req.body, dict) else {}
    fields = {name: value if isinstance(value, list) else [value] for name, value in form.items()}
    files = [
        {"name": name, "filename": file.filename, "size": len(file.read()), "type": file.mimetype}
        for name, file in req.files.items(multi=True)
    ]
    res.json({"fields": fields, "files": files})
