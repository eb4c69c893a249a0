"""The endpoints that are built in: liveness, readiness, the OpenAPI document, the documentation page.

In: a project and its document. Out: a `Resource` for each of their paths.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from apiroutes.body import limits_of
from apiroutes.chain import Step, as_coroutine, as_sync, compose
from apiroutes.error_responses import write_error
from apiroutes.http import encode_json, mount_of, phrase
from apiroutes.project import Project
from apiroutes.readiness import is_ready
from apiroutes.readiness_checks import ReadinessChecks
from apiroutes.resources import Resource
from apiroutes.response import Response
from apiroutes.results import file
from apiroutes.settings import Settings
from apiroutes.telemetry import WriteMetrics, metrics_writer
from apiroutes.types import Middleware

__all__ = ["builtin_endpoints", "is_documentation", "unobserved_paths"]

# The page's files, by their path below the page.
_FILES = {
    "": "page.html",
    "/page.css": "page.css",
    "/page.js": "page.js",
    "/swagger-ui.css": "swagger_ui/swagger-ui.css",
    "/swagger-ui-bundle.js": "swagger_ui/swagger-ui-bundle.js",
    "/oauth2-redirect.html": "swagger_ui/oauth2-redirect.html",
    "/oauth2-redirect.js": "swagger_ui/oauth2-redirect.js",
}
_OF_PAGE = "/openapi.json"  # the document that the page shows
# The page runs only its own scripts, and no other page may frame it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src {}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ORIGIN = r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?=[/?#]|$)"


def builtin_endpoints(
    project: Project, document: Callable[[], dict[str, Any]]
) -> Iterator[tuple[str, Resource]]:
    """Yield each path with its resource; `document` is called only if a resource needs it."""
    settings = project.settings
    # Outside all middleware, which may refuse a load balancer's Host header.
    if settings.liveness_path is not None:
        step = Step(_report_liveness, never_waits=True)
        yield settings.liveness_path, _resource(project, "the liveness path", step)
    if settings.readiness_path is not None:
        yield settings.readiness_path, _resource(project, "the readiness path", _readiness(project))
    if settings.metrics_path is not None:
        step = Step(partial(_send_metrics, metrics_writer()))  # which reads files
        yield settings.metrics_path, _resource(project, "the metrics", step)
    docs = settings.docs_path
    if docs is None and settings.openapi_path is None:
        return
    described = document()
    send_document = Step(_document(described), never_waits=True)
    if settings.openapi_path is not None:
        yield (
            settings.openapi_path,
            _resource(project, "the OpenAPI document", send_document, project.middleware),
        )
    if docs is not None:
        yield (
            docs + _OF_PAGE,
            _resource(project, "the OpenAPI document", send_document, project.middleware),
        )
        for name, step in _page(_headers(described)):
            yield docs + name, _resource(project, "the documentation page", step, project.middleware)


def unobserved_paths(settings: Settings) -> list[str]:
    """Return the paths that machines request all the time, which spans and metrics leave out."""
    paths = settings.liveness_path, settings.readiness_path, settings.metrics_path
    return [path for path in paths if path is not None]


def is_documentation(path: str, docs: str) -> bool:
    """Return whether the documentation page, which is at the path `docs`, answers this path."""
    return path.startswith(docs) and path[len(docs) :] in (*_FILES, _OF_PAGE, "/")


def _page(headers: Mapping[str, str]) -> Iterator[tuple[str, Step]]:
    """Yield each path of the documentation page, below its own path, with its resource."""
    from apiroutes.openapi import PAGE

    for name, source in _FILES.items():
        yield name, Step(_file(PAGE / source, headers))
    # The page's links are relative, so that it works wherever the App is mounted.
    yield "/", Step(_to_parent, never_waits=True)


def _resource(project: Project, name: str, step: Step, middleware: Sequence[Middleware] = ()) -> Resource:
    """Return a resource for GET and HEAD, inside middleware."""
    run, on_loop = as_sync(compose(middleware, step)), as_coroutine(middleware, step)
    return Resource(
        name,
        _refuse_method,
        limits_of(project.settings),
        {"GET": run, "HEAD": run},
        middleware=tuple(middleware),
        on_loop={"GET": on_loop, "HEAD": on_loop},
        others_on_loop=as_coroutine((), Step(_refuse_method, never_waits=True)),
    )


def _refuse_method(response: Response) -> None:
    write_error(response.req, response, 405, phrase(405), [("Allow", "GET, HEAD")])


def _report_liveness(response: Response) -> None:
    response.set_header("Cache-Control", "no-store")
    response.end("alive")


def _readiness(project: Project) -> Step:
    """Return the step that reports readiness; the checks of a project run in a thread, as they take time."""
    if not project.instrumentation.checks:
        return Step(_report_readiness, never_waits=True)
    checks = ReadinessChecks(project.instrumentation.checks, project.settings.check_timeout)

    def report(response: Response) -> None:
        response.set_header("Cache-Control", "no-store")
        if not is_ready():
            response.status(503).json({"status": "stopping"})
            return
        results = checks.run()
        is_ok = all(result.status == "ok" for result in results.values())
        response.status(200 if is_ok else 503)
        response.json({"status": "ready" if is_ok else "not ready", "checks": results})

    return Step(report)


def _report_readiness(response: Response) -> None:
    response.set_header("Cache-Control", "no-store")
    if is_ready():
        response.end("ready")
    else:
        response.status(503).end("stopping")


def _send_metrics(write: WriteMetrics, response: Response) -> None:
    content, content_type = write(response.req.environ)
    response.set_headers({"Content-Type": content_type, "Cache-Control": "no-store"}).end(content)


def _document(document: dict[str, Any]) -> Callable[[Response], object]:
    content = encode_json(document)

    @functools.lru_cache(maxsize=8)  # an App is mounted in one place, or in a few
    def mounted(mount: str) -> bytes:
        # The paths of a document are below the URL of its server.
        return encode_json({**document, "servers": [{"url": mount}]})

    def send_document(response: Response) -> None:
        response.set_header("Content-Type", "application/json")
        mount = mount_of(response.req.environ)
        response.send(mounted(mount) if mount else content)

    return send_document


def _file(path: Path, headers: Mapping[str, str]) -> Callable[[Response], object]:
    result = file(path, headers=headers)
    return lambda response: result.apply_to(response.req, response)


def _headers(document: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the page's headers: it may connect to this host, and to hosts that issue tokens."""
    schemes = document["components"].get("securitySchemes", {}).values()
    flows = [flow for scheme in schemes for flow in scheme.get("flows", {}).values()]
    urls = [scheme.get("openIdConnectUrl") for scheme in schemes]
    urls += [flow.get(name) for flow in flows for name in ("tokenUrl", "refreshUrl")]
    origins = {match[0] for url in urls if url and (match := re.match(_ORIGIN, url))}
    return {
        "Content-Security-Policy": _POLICY.format(" ".join(["'self'", *sorted(origins)])),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }


def _to_parent(response: Response) -> None:
    response.redirect(308, "../_docs")
