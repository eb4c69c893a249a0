from apiroutes import cached
from apiroutes.middleware import basic, bearer, jwt, session_user


@cached(revalidate=300)
def slow(word: str) -> str:
    return word.upper()


def load(owner: str) -> str:
    return owner


def find_user(token: str) -> str | None:
    return "ada" if token == "ada-token" else None


def check(name: str, password: str) -> bool:
    return password == "a long password"


member = session_user(load)
programs = bearer(find_user)
people = basic(check)
tokens = jwt(
    "s" * 8 + "0123456789abcdefghijklmnopqrstuv", algorithms=["HS256"], audience="notes", issuer="site"
)
