def POST(req):
    return [req.json, req.get_json(), req.is_json, req.raw_body.decode()]


def PUT(body):
    return body


def PATCH(req):
    return [req.form["name"], req.files["photo"].filename]
