"""The pages of the reference that show names which users import.

In: nothing. Out: pages as Markdown, by their names below docs/reference/. Raises Undescribed for a public
name that is on no page, and for one without a description.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import apiroutes
import apiroutes.logging
import apiroutes.middleware
import apiroutes.testing
from apiroutes import pytest_plugin
from tools.reference.markdown import code, prose, slug, table
from tools.reference.markdown import summary as first_sentence
from tools.reference.names import class_section, function_section, member_sections, members_of
from tools.reference.source import Undescribed, described, module_of, source_of
from tools.reference.werkzeug_names import CLIENT, REQUEST, TEST_RESPONSE, UPLOAD, werkzeugs

__all__ = ["NAMED_PAGES", "named_page", "public_names", "summaries"]


class Section(NamedTuple):
    """A part of a page: its heading if it has one, its names, and what it begins with."""

    heading: str
    names: Sequence[str]
    begin: str = ""


class NamedPage(NamedTuple):
    """A page: its title, its first sentences, the module its names are imported from, and its sections."""

    title: str
    begin: str
    module: ModuleType
    sections: Sequence[Section]


# How classes are shown, where it is not by their initializer and all their members.
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "App": {
        "leave_out": (
            [
                "make_explainer",
                "work_pool",
                "cache",
                "routes",
                "resources",
                "mistakes",
                "overrides",
                "lookup",
            ]  # the framework's
        )
    },
    "AsyncClient": {"leave_out": ["client", "get", "post", "put", "patch", "delete", "head", "options"]},
    "Client": {"leave_out": ["run_wsgi_app", "get", "post", "put", "patch", "delete", "head", "options"]},
    "Depends": {"leave_out": ["dependency", "use_cache", "scope"]},
    "EventStream": {"constructor": False, "members": False},
    "InvalidRequest": {"members": False},
    "LifespanError": {"constructor": False, "members": False},
    "MaxDurationExceeded": {"constructor": False, "members": False},
    "Middleware": {"constructor": False, "members": False},
    "Next": {"constructor": False, "members": False},
    "ProjectError": {"constructor": False},
    "Response": {"constructor": False},
    "ResponseSentError": {"constructor": False, "members": False},
    "RevalidationError": {"constructor": False, "members": False},
    "Session": {"constructor": False},
    "Settings": {"constructor": False, "members": False},
}

# Functions of which overloads are shown, by number: how users call them.
_OVERLOADS = {"create_app": (0,), "cached": (0, 1)}

NAMED_PAGES: Mapping[str, NamedPage] = {
    "results.md": NamedPage(
        "Results",
        "Values that handlers and middleware return instead of writing to `res`. "
        "[Handlers](../handlers.md#return-values) lists the plain values that they may also return.",
        apiroutes,
        [
            Section("Content", ["json", "text", "html", "redirect"]),
            Section("Files", ["file"]),
            Section("Streams", ["stream", "event_stream", "Event", "comment", "EventStream"]),
        ],
    ),
    "functions.md": NamedPage(
        "Functions and classes",
        "What a project imports besides [results](results.md) and [middleware](middleware.md): declarations, "
        "work after the response, the cache, sessions, passwords.",
        apiroutes,
        [
            Section("Declarations", ["Depends", "use", "file_route", "security_scheme", "needs_secret_key"]),
            Section(
                "Types of middleware",
                ["Middleware", "Next"],
                "[Middleware](../middleware.md#types) shows them in use.",
            ),
            Section("Work after the response", ["after"], "[The guide](../after.md) has examples."),
            Section(
                "The cache",
                ["cached", "revalidate_path", "revalidate_tag"],
                "[The guide](../caching.md) explains what is cached, and what never is.",
            ),
            Section(
                "Sessions", ["Session"], "`req.session` is one; [the guide](../sessions.md) has examples."
            ),
            Section(
                "Passwords",
                [
                    "hash_password",
                    "verify_password",
                    "needs_rehash",
                    "hash_password_async",
                    "verify_password_async",
                ],
                "They need the extra `auth`; see [Sign-in](../sign-in.md#passwords).",
            ),
            Section("URLs", ["is_local"]),
        ],
    ),
    "errors.md": NamedPage(
        "Errors",
        "The exceptions that a project raises or catches. The responses that clients get are described in "
        "[Handlers](../handlers.md#errors).",
        apiroutes,
        [
            Section(
                "In requests",
                [
                    "ApiError",
                    "InvalidRequest",
                    "MaxDurationExceeded",
                    "ResponseSentError",
                    "RevalidationError",
                ],
            ),
            Section("At the start and the end", ["ProjectError", "Problem", "LifespanError"]),
        ],
    ),
    "app.md": NamedPage(
        "App",
        "How Python code makes an App of a project, for servers and for [embedding](../embedding.md).",
        apiroutes,
        [
            Section("", ["App", "create_app", "create_asgi_app"]),
            Section("", ["Settings"], "[Settings](../settings.md) has a table of them."),
            Section("", [], '## `__version__`\n\nThe version of apiroutes, a str such as `"0.2.0"`.'),
        ],
    ),
    "middleware.md": NamedPage(
        "Built-in middleware",
        "The factories of `apiroutes.middleware`, each with its arguments. [Middleware](../middleware.md) "
        "explains how to put them around routes, and how to write your own.",
        apiroutes.middleware,
        [
            Section("Headers and hosts", ["cors", "security_headers", "trusted_hosts", "proxy_fix"]),
            Section("The log", ["request_id", "access_log", "log_context"]),
            Section("Sessions", ["sessions"]),
            Section(
                "Sign-in",
                [
                    "bearer",
                    "jwt",
                    "basic",
                    "api_key",
                    "session_user",
                    "any_of",
                    "require",
                ],
                "They are middleware and dependencies at once: [Sign-in](../sign-in.md) explains them.",
            ),
            Section("Protection", ["csrf", "rate_limit", "webhook"]),
            Section("WSGI", ["from_wsgi"]),
        ],
    ),
}


def named_page(name: str) -> str:
    """Return a page as Markdown."""
    page = NAMED_PAGES[name]
    parts = [f"# {page.title}", page.begin]
    for section in page.sections:
        if section.heading:
            parts.append(f"## {section.heading}")
        if section.begin and section.heading:
            parts.append(section.begin)
        level = 3 if section.heading else 2
        parts += [_entry(each, getattr(page.module, each), level) for each in section.names]
        if section.begin and not section.heading:
            parts.append(section.begin)
    return "\n\n".join(parts) + "\n"


def _entry(name: str, value: Any, level: int) -> str:
    if inspect.isclass(value):
        return class_section(name, value, level=level, **_OPTIONS.get(name, {}))
    return function_section(name, value, level=level, overloads=_OVERLOADS.get(name, ()))


# -- req and res

_REQUEST_GROUPS = {
    "The target": (
        [
            "method",
            "scheme",
            "server",
            "root_path",
            "path",
            "query_string",
            "query",
            "args",
            "params",
            "route_pattern",
        ]
    ),
    "Who asks": (
        ["headers", "cookies", "signed_cookies", "session", "remote_addr", "draft_mode", "preview_data"]
    ),
    "The body": ["body", "form", "files", "raw_body", "stream", "get_data", "get_json"],
    "The project": ["app", "context", "secret_keys", "environ"],
}
_RESPONSE_GROUPS = {
    "Status": ["status_code", "status"],
    "Headers": [
        "headers",
        "set_header",
        "set_headers",
        "append_header",
        "get_header",
        "remove_header",
        "before_head",
    ],
    "Cookies": (
        [
            "set_cookie",
            "delete_cookie",
            "set_signed_cookie",
            "set_draft_mode",
            "set_preview_data",
            "clear_preview_data",
        ]
    ),
    "Content": ["body", "json", "send", "end", "redirect", "safe_redirect", "write", "delegate"],
    "The request and the cache": ["req", "headers_sent", "revalidate"],
}
# Werkzeug's, which are in its table; and the framework's own.
_NOT_OURS = ("max_content_length", "max_form_memory_size", "max_form_parts", "shallow", "close")


def request_page() -> str:
    """Return the page of `req`."""
    begin = (
        "What handlers and middleware get as `req`, or as a parameter of the type `Request`. "
        "[Requests, responses and bodies](../bodies.md) shows it in use."
    )
    parts = _grouped("Request", "req.", begin, apiroutes.Request, _REQUEST_GROUPS, _NOT_OURS)
    parts += ["## From Werkzeug", werkzeugs(apiroutes.Request, REQUEST, "wrappers/", of="req.")]
    parts += [
        "## `UploadFile`",
        "A file of a multipart form: an item of `req.files`, or of a body through the type `UploadFile`.",
        werkzeugs(apiroutes.UploadFile, UPLOAD, "datastructures/#werkzeug.datastructures.FileStorage"),
    ]
    return "\n\n".join(parts) + "\n"


def response_page() -> str:
    """Return the page of `res`."""
    begin = (
        "What handlers and middleware get as `res`, or as a parameter of the type `Response`. Handlers may "
        "[return a result](results.md) instead."
    )
    return "\n\n".join(_grouped("Response", "res.", begin, apiroutes.Response, _RESPONSE_GROUPS)) + "\n"


def _grouped(
    title: str,
    of: str,
    begin: str,
    cls: type,
    groups: Mapping[str, Sequence[str]],
    leave_out: Sequence[str] = (),
) -> list[str]:
    members = {member.name: member for member in members_of(cls) if member.name not in leave_out}
    listed = {name for names in groups.values() for name in names}
    if listed != members.keys():
        raise Undescribed(f"{title}: these are in no group, or not there: {sorted(listed ^ members.keys())}")
    parts = [f"# {code(title)}", begin, prose(described(source_of(cls), title).prose, "../")]
    for heading, names in groups.items():
        parts.append(f"## {heading}")
        its_members = [members[name] for name in names]
        parts += member_sections(its_members, 3, "../", methods_of=of, attributes_of=of)
    return parts


# -- tests and the log


def testing_page() -> str:
    """Return the page of the test client and the fixtures."""
    parts = [
        "# Test client and fixtures",
        "The names in `apiroutes.testing`, and the fixtures that pytest finds once apiroutes is installed. "
        "[Testing](../testing.md) shows them in use.",
        _entry("Client", apiroutes.testing.Client, 2),
        "### From Werkzeug",
        werkzeugs(apiroutes.testing.Client, CLIENT, "test/"),
        class_section("Response", apiroutes.testing.Response, constructor=False),
        "### From Werkzeug",
        werkzeugs(apiroutes.testing.Response, TEST_RESPONSE, "test/#werkzeug.test.TestResponse"),
        _entry("AsyncClient", apiroutes.testing.AsyncClient, 2),
        _entry("AfterCall", apiroutes.testing.AfterCall, 2),
        "## Fixtures of pytest",
        table(["fixture", "meaning"], _fixtures()),
        "The option `apiroutes_root` in pytest's configuration names the directory of the project, relative "
        "to pytest's root directory, which is the default.",
    ]
    return "\n\n".join(parts) + "\n"


def _fixtures() -> Iterator[tuple[str, str]]:
    source = module_of(pytest_plugin.__name__)
    for name in pytest_plugin.__all__:
        if not name.startswith("pytest_"):
            yield code(name), prose(described(source[name], name).prose, "../")


# -- all names

_OF_LOGGING = ("RequestFilter", "json_formatter", "request_fields")


def logging_sections() -> list[str]:
    """Return the sections of what a project takes from `apiroutes.logging`."""
    return [_entry_of_logging(name, getattr(apiroutes.logging, name)) for name in _OF_LOGGING]


def _entry_of_logging(name: str, value: Any) -> str:
    if inspect.isclass(value):
        return class_section(name, value, level=3, leave_out=["filter"])
    return function_section(name, value, level=3)


def public_names() -> dict[tuple[str, str], str]:
    """Return the page and anchor of each public name, by its module and name.

    Raises Undescribed for a name that is on no page.
    """
    places: dict[tuple[str, str], str] = {
        ("apiroutes", "Request"): "request.md",
        ("apiroutes", "Response"): "response.md",
        ("apiroutes", "UploadFile"): "request.md#uploadfile",
        ("apiroutes", "__version__"): "app.md#__version__",
        ("apiroutes", "from_wsgi"): "middleware.md#from_wsgi",
        **{("apiroutes.testing", name): f"testing.md#{slug(name)}" for name in apiroutes.testing.__all__},
        **{("apiroutes.logging", name): f"logs.md#{slug(name)}" for name in _OF_LOGGING},
    }
    for file, page in NAMED_PAGES.items():
        for section in page.sections:
            places |= {(page.module.__name__, name): f"{file}#{slug(name)}" for name in section.names}
    for module in (apiroutes, apiroutes.middleware, apiroutes.testing):
        missing = [name for name in module.__all__ if (module.__name__, name) not in places]
        if missing:
            raise Undescribed(f"{module.__name__} exports names that no page has: {', '.join(missing)}")
    return places


def summaries() -> Iterator[tuple[str, str, str, str]]:
    """Yield each public name with its module, its place, and the first sentence of its description."""
    for (module, name), place in public_names().items():
        if name == "__version__":
            yield module, name, place, "The version of apiroutes, a str."
        elif name == "UploadFile":
            yield module, name, place, "A file of a multipart form."
        else:
            value = getattr(__import__(module, fromlist=[name]), name)
            yield module, name, place, first_sentence(described(source_of(value), name).prose)
