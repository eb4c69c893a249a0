from dataclasses import dataclass


@dataclass
class Task:
    title: str


def GET(q: str = "", id: int = 1):
    return [q, id]


def PUT(body: Task):
    return body
