import os

from apiroutes import cached

revalidate = 60
calls = []


@cached(revalidate=3600, tags=["posts"])
def expensive(word: str) -> str:
    calls.append(word)
    return word.upper()


def GET():
    return [expensive("a"), os.environ["API_KEY"]]
