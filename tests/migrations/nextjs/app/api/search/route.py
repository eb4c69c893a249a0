def GET(q: str, tag: list[str]):
    return [q, tag]


def POST(body: str):
    return [body]
