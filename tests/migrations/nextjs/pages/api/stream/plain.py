config = {"api": {"bodyParser": False}}


def POST(req):
    return {"bytes": len(req.stream.read(65536))}


def PUT(request):
    return {"bytes": len(request.stream.read())}


async def PATCH(req):
    size = 0
    async for piece in req.stream:
        size += len(piece)
    return {"bytes": size}
