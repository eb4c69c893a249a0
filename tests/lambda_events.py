"""Events of AWS Lambda as its documents have them, for one request as a client sends it.

Each function does with the path, the query and the fields what its service does.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

__all__ = ["EVENTS", "Fields", "alb", "function_url", "http_api", "rest_api"]

Fields = Sequence[tuple[str, str]]
CLIENT = "198.51.100.7"


def _grouped(pairs: Fields) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def _body(content: bytes, is_binary: bool) -> dict[str, Any]:
    if is_binary:
        return {"body": b64encode(content).decode(), "isBase64Encoded": True}
    return {"body": content.decode() or None, "isBase64Encoded": False}


def _forwarded(fields: Fields, host: str, client: str = CLIENT) -> Fields:
    """The fields with those of a gateway, which adds to X-Forwarded-For what it sees."""
    sent = [value for name, value in fields if name == "x-forwarded-for"]
    others = [(name, value) for name, value in fields if name != "x-forwarded-for"]
    added = {"host": host, "x-forwarded-for": ", ".join([*sent, client])}
    return [*others, *added.items(), ("x-forwarded-proto", "https"), ("x-forwarded-port", "443")]


def rest_api(
    method: str,
    target: str,
    fields: Fields = (),
    content: bytes = b"",
    stage: str = "prod",
    is_binary: bool = True,
) -> dict[str, Any]:
    """A REST API with proxy integration, payload 1.0 without a version: the path is as it was sent."""
    path, _, query = target.partition("?")
    host = "abc123.execute-api.eu-central-1.amazonaws.com"
    headers = _grouped(_forwarded(fields, host))
    queries = _grouped(parse_qsl(query, keep_blank_values=True))
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in queries.items()} or None,
        "multiValueQueryStringParameters": queries or None,
        "pathParameters": {"proxy": path[1:]},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": host,
            "httpMethod": method,
            "identity": {"sourceIp": CLIENT, "userAgent": "test"},
            "path": f"/{stage}{path}",
            "protocol": "HTTP/1.1",
            "requestId": "1",
            "resourcePath": "/{proxy+}",
            "stage": stage,
        },
        **_body(content, is_binary),
    }


def _payload_2(method: str, path: str, query: str, host: str, stage: str, fields: Fields) -> dict[str, Any]:
    cookies = [value for name, value in fields if name == "cookie"]
    others = _grouped([field for field in _forwarded(fields, host) if field[0] != "cookie"])
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        **({"cookies": cookies} if cookies else {}),
        "headers": {name: ",".join(values) for name, values in others.items()},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": host,
            "domainPrefix": "abc123",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": CLIENT,
                "userAgent": "test",
            },
            "requestId": "1",
            "routeKey": "$default",
            "stage": stage,
            "timeEpoch": 1,
        },
    }


def http_api(
    method: str,
    target: str,
    fields: Fields = (),
    content: bytes = b"",
    stage: str = "$default",
    is_binary: bool = True,
) -> dict[str, Any]:
    """An HTTP API, payload 2.0: the path is decoded, and begins with a stage that has a name."""
    path, _, query = target.partition("?")
    mounted = unquote(path) if stage == "$default" else f"/{stage}{unquote(path)}"
    host = "abc123.execute-api.eu-central-1.amazonaws.com"
    return {**_payload_2(method, mounted, query, host, stage, fields), **_body(content, is_binary)}


def function_url(
    method: str, target: str, fields: Fields = (), content: bytes = b"", is_binary: bool = True
) -> dict[str, Any]:
    """A function URL, payload 2.0: the path is as it was sent."""
    path, _, query = target.partition("?")
    host = "abc123.lambda-url.eu-central-1.on.aws"
    return {**_payload_2(method, path, query, host, "$default", fields), **_body(content, is_binary)}


def alb(
    method: str, target: str, fields: Fields = (), content: bytes = b"", is_binary: bool = True
) -> dict[str, Any]:
    """An Application Load Balancer whose target group has multi-value headers: nothing is decoded."""
    path, _, query = target.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    group = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/shop/1"
    return {
        "requestContext": {"elb": {"targetGroupArn": group}},
        "httpMethod": method,
        "path": path,
        "multiValueQueryStringParameters": _grouped([(name, value) for name, _, value in pairs]),
        "multiValueHeaders": _grouped(_forwarded(fields, "shop.example")),
        **_body(content, is_binary),
    }


EVENTS: dict[str, Callable[..., dict[str, Any]]] = {
    "REST API": rest_api,
    "HTTP API": http_api,
    "function URL": function_url,
    "load balancer": alb,
}
