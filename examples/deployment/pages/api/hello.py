# pages/api/hello.py
def GET():
    return {"message": "Hello"}
