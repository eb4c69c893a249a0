from apiroutes import Request, Response


def handler(req: Request, res: Response) -> None:
    if req.method == "POST":
        res.status(201).json({"created": True})
    elif req.method in ("GET", "HEAD"):
        res.status(200).json({"method": req.method})
    else:
        res.set_header("Allow", ["GET", "POST"])
        res.status(405).end(f"Method {req.method} Not Allowed")
