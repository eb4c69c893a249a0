"""What users get from Werkzeug through our classes: the names worth knowing, each with a sentence.

In: nothing. Out: tables of names. Writing them checks that Werkzeug still has the names.
"""

from __future__ import annotations

from collections.abc import Mapping

from tools.reference.markdown import code, prose, table
from tools.reference.source import Undescribed

__all__ = ["CLIENT", "REQUEST", "TEST_RESPONSE", "UPLOAD", "werkzeugs"]

# Attributes that only instances have, so that the class does not show them.
_OF_INSTANCES = frozenset(("filename", "name", "read", "stream", "headers", "history", "request"))

_PAGES = "https://werkzeug.palletsprojects.com/en/stable/"

REQUEST: Mapping[str, str] = {
    "accept_mimetypes": "The media types that the client accepts, with `best_match([...])`.",
    "accept_languages": "The languages that the client accepts.",
    "accept_encodings": "The content codings that the client accepts.",
    "access_route": "The addresses in `X-Forwarded-For`, which any client can forge.",
    "authorization": "The credentials in `Authorization`: `type`, and `token` or `username` and `password`.",
    "base_url": "The URL without its query.",
    "cache_control": "The directives of `Cache-Control`.",
    "content_length": "The length of the content in bytes, None if unknown.",
    "content_type": "The header `Content-Type`, or None.",
    "data": "The content as bytes; empty for a form.",
    "date": "The header `Date` as a datetime, or None.",
    "full_path": "The decoded path and the query, always with `?`. The target as it was sent is "
    '`environ["RAW_URI"]`, if the server passes it on.',
    "host": "The host and, unless it is the scheme's default, the port.",
    "host_url": "The URL of the host, with a slash at its end.",
    "if_match": "The tags of `If-Match`; `if_none_match` is similar.",
    "if_modified_since": "The header as a datetime, or None; `if_unmodified_since` is similar.",
    "is_json": "Whether the content is JSON by its media type.",
    "is_secure": "Whether the scheme is https.",
    "json": "The content as JSON, as `get_json()` returns it.",
    "max_content_length": "Set before the body is read, it narrows the limit of the route, in bytes; so do "
    "`max_form_memory_size` and `max_form_parts`.",
    "mimetype": "The media type of the content, in lower case and without parameters.",
    "origin": "The header `Origin`, or None.",
    "range": "The header `Range` as an object, or None.",
    "referrer": "The header `Referer`, or None.",
    "root_url": "The URL of the place where the App is mounted.",
    "url": "The whole URL, as browsers show it: decoded for reading, so not always as it was sent.",
    "user_agent": "The header `User-Agent` as an object, with the text as its `string`.",
    "values": "The query and the form together.",
}

UPLOAD: Mapping[str, str] = {
    "filename": "The name that the client gave the file. It may be any text: never use it as a path.",
    "name": "The name of the form's field.",
    "content_type": "The media type that the client gave it.",
    "mimetype": "The same in lower case and without parameters.",
    "headers": "The headers of the part.",
    "read": "`read(size=-1)` returns bytes of the content.",
    "save": "`save(path)` writes the content to a path or an open file.",
    "stream": "The content as a binary file.",
    "close": "`close()` closes it, and deletes its temporary file; the end of the request does that too.",
}

CLIENT: Mapping[str, str] = {
    "get_cookie": "`get_cookie(name, domain='localhost', path='/')` returns one of the client's cookies.",
    "set_cookie": "`set_cookie(name, value, ...)` gives the client a cookie.",
    "delete_cookie": "`delete_cookie(name, ...)` removes it from the client.",
    "trace": "`trace(...)` sends a TRACE request.",
}

TEST_RESPONSE: Mapping[str, str] = {
    "status_code": "The status code as an int; `status` is the status line.",
    "headers": "The headers, by name in any case.",
    "text": "The content as text.",
    "data": "The content as bytes.",
    "iter_encoded": "`iter_encoded()` yields the pieces of a stream as they arrive.",
    "history": "The redirects that were followed, with `follow_redirects=True`.",
    "request": "The request that the response answers.",
    "close": "`close()` ends a stream, like a client that disconnects.",
}


def werkzeugs(cls: type, names: Mapping[str, str], page: str, *, of: str = "") -> str:
    """Return the table of names that a class has from Werkzeug, with a link to a page of its documentation.

    Raises Undescribed for a name that the class does not have, or has from apiroutes.
    """
    for name in names:
        owner = next((base for base in cls.__mro__ if name in vars(base)), None)
        if owner is None and name not in _OF_INSTANCES:
            raise Undescribed(f"Werkzeug's {cls.__name__} has no {name!r} any more")
        if owner is not None and owner.__module__.startswith("apiroutes") and name != "max_content_length":
            raise Undescribed(f"{cls.__name__}.{name} is ours: describe it in its docstring")
    rows = [(code(of + name), prose(meaning)) for name, meaning in names.items()]
    return (
        f"These names come from [Werkzeug]({_PAGES}{page}), and so do names that are not listed here.\n\n"
        + table(["name", "meaning"], rows)
    )
