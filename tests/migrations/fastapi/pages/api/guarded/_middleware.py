from ported_fastapi.people import writer

from apiroutes import Depends

dependencies = [Depends(writer)]


async def middleware(req, res, next):
    req.context["kept"] = "yes"
    await next()
    res.set_header("X-Around", "1")
