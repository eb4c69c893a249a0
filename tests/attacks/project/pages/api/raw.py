config = {"api": {"bodyParser": False}}


def handler(req, res):
    count = 0
    while count < 65536 and (chunk := req.stream.read(4096)):
        count += len(chunk)
    res.json({"n": count})
