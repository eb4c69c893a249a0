from dataclasses import dataclass

from apiroutes import json, revalidate_path, revalidate_tag

config = {"cache": {"revalidate": 60, "tags": ["posts"]}}

titles = ["First"]


@dataclass
class NewPost:
    title: str


def GET():
    return titles


def POST(body: NewPost):
    titles.append(body.title)
    return json(titles, status=201)


def PUT(how: str, res):
    titles.append(how)
    if how == "path":
        revalidate_path("/api/posts")
    elif how == "tag":
        revalidate_tag("posts")
    elif how == "stale":
        revalidate_tag("posts", mode="stale")
    else:
        res.revalidate("/api/posts")
    return titles
