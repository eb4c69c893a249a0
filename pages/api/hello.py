"""The smallest endpoint: a file, and a function that answers every method with what it is given.

curl localhost:8000/api/hello
"""


from apiroutes import Request, Response


def handler(req: Request, res: Response) -> None:
    """Say hello."""
    res.status(200).json({"message": "Hello"})
