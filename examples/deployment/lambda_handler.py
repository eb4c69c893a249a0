# lambda_handler.py
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from apig_wsgi import make_lambda_handler

from apiroutes import create_app

# The files of a function cannot be written, and what one environment kept, the others would not see.
os.environ.setdefault("APIROUTES_CACHE", "none")
os.environ.setdefault("APIROUTES_RATE_LIMIT_STORE", "memory")

app = create_app(Path(__file__).parent)
app.start()  # while Lambda starts the environment, and not in the first request


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Say what apig-wsgi does not: the path as it was sent, the stage, and who the client is."""
    event = environ["apig_wsgi.full_event"]
    mount, path = target(event)
    query = environ["QUERY_STRING"]
    environ["SCRIPT_NAME"] = as_wsgi(mount)
    environ["PATH_INFO"] = as_wsgi(path)
    environ["RAW_URI"] = f"{mount}{path}?{query}" if query else mount + path
    environ["REMOTE_ADDR"] = client(event, environ)
    return app(environ, start_response)


def target(event: dict[str, Any]) -> tuple[str, str]:
    """Return the stage that the path begins with, or "", and the path behind it, both percent-encoded."""
    context = event["requestContext"]
    if "http" in context:  # a function URL, or an HTTP API, which decodes the path
        is_url = ".lambda-url." in context["domainName"]
        path = event["rawPath"] if is_url else quote(event["rawPath"])
        stage = f"/{context['stage']}"
        return (stage, path[len(stage) :]) if path.startswith(f"{stage}/") else ("", path)
    path = quote(event["path"]) if event.get("version") == "1.0" else event["path"]  # an HTTP API, or not
    whole = context.get("path", "")  # a load balancer has none
    return (whole[: -len(path)] if whole.endswith(path) else "", path)


def as_wsgi(path: str) -> str:
    """Return a decoded path as PEP 3333 has it: its bytes as characters."""
    return unquote_to_bytes(path).decode("latin-1")


def client(event: dict[str, Any], environ: dict[str, Any]) -> str:
    """Return the client's address, which is never the first of X-Forwarded-For: that one it may choose."""
    context = event["requestContext"]
    known = context.get("http") or context.get("identity")
    if known is not None:
        return str(known["sourceIp"])
    # Of the load balancer's own making is the last one.
    return str(environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip())


# All content but JSON goes as base64: only of JSON it is certain that it is UTF-8.
handler = make_lambda_handler(
    application,
    binary_support=True,
    non_binary_content_type_prefixes=("application/json", "application/problem+json"),
)
