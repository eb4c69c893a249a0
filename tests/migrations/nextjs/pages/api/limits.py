config = {"api": {"bodyParser": {"sizeLimit": "2mb"}}}


def POST(body):
    return {"items": len(body)}
