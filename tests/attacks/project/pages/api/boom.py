import sys


class BadStr(Exception):
    def __str__(self):
        raise RuntimeError("s3cr3t in __str__")


class WithCode(Exception):
    code = 418


def endless():
    return endless()


def handler(req, res):
    kind = req.query.get("kind", "runtime")
    if kind == "systemexit":
        sys.exit("s3cr3t")
    if kind == "generatorexit":
        raise GeneratorExit("s3cr3t")
    if kind == "recursion":
        endless()
    if kind == "memory":
        raise MemoryError("s3cr3t")
    if kind == "badstr":
        raise BadStr
    if kind == "surrogate":
        raise RuntimeError("\ud800 s3cr3t")
    if kind == "http":
        raise WithCode("s3cr3t")
    if kind == "after":
        res.set_header("X-Half", "1").set_cookie("half", "1")
    if kind == "aftersend":
        res.json({"sent": True})
    raise RuntimeError("s3cr3t-token-in-exception")
