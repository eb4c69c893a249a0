# pages/api/hello.py
def GET() -> dict[str, str]:
    return {"message": "Hello"}
