def GET():
    return {"ok": True}
