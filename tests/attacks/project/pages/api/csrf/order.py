def GET(req):
    return {"changed": False}


def POST(req):
    return {"changed": True}


def PUT(req):
    return {"changed": True}


def PATCH(req):
    return {"changed": True}


def DELETE(req):
    return {"changed": True}
