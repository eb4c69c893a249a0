"""The smallest endpoint: a file, and a function that answers.

curl localhost:8000/api/hello
"""

from apiroutes import Request, Response


def handler(req: Request, res: Response) -> None:
    res.status(200).json({"message": "Hello"})
