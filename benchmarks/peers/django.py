"""Django, as its documentation writes an API without Django REST framework: views and JsonResponse."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import ResolverMatch, URLPattern, URLResolver, path
from django.urls.resolvers import RegexPattern

from benchmarks.workloads import TEXT, NumberedRoute, WSGIApplication


def hello(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"message": "Hello"})


def user(request: HttpRequest, user_id: str) -> HttpResponse:
    return JsonResponse({"id": user_id, "sort": request.GET.get("sort"), "page": request.GET.get("page")})


def echo(request: HttpRequest) -> HttpResponse:
    return JsonResponse(json.loads(request.body))


def form(request: HttpRequest) -> HttpResponse:
    return JsonResponse(request.POST.dict())


def upload(request: HttpRequest) -> HttpResponse:
    file = request.FILES["file"]
    return JsonResponse({"filename": file.name, "size": len(file.read())})


def session(request: HttpRequest) -> HttpResponse:
    cookies = request.COOKIES
    response = JsonResponse({"session": cookies["session"], "theme": cookies["theme"]}, status=201)
    response["X-Request-Id"] = "c9f0f895fb98"
    response["Cache-Control"] = "no-store"
    response.set_cookie("visits", str(int(cookies["visits"]) + 1), httponly=True)
    return response


def import_(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"items": len(json.loads(request.body))})


def text(request: HttpRequest) -> HttpResponse:
    return HttpResponse(TEXT, content_type="text/plain; charset=utf-8")


urlpatterns = [
    path("api/hello", hello),
    path("api/users/<user_id>", user),
    path("api/echo", echo),
    path("api/form", form),
    path("api/upload", upload),
    path("api/session", session),
    path("api/import", import_),
    path("api/text", text),
]


def application() -> WSGIApplication:
    _configure()
    return WSGIHandler()


def numbered_application(routes: Sequence[NumberedRoute]) -> WSGIApplication:
    _configure()
    return _NumberedHandler(
        [path(f"{route.path[1:]}{'/<value>' if route.dynamic else ''}", _numbered(route)) for route in routes]
    )


def _configure() -> None:
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            ROOT_URLCONF=__name__,
            # The only one of the usual seven that is needed: it adds Content-Length.
            MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        )
        django.setup()


def _numbered(route: NumberedRoute) -> Callable[..., HttpResponse]:
    def static(request: HttpRequest) -> HttpResponse:
        return JsonResponse({"route": route.number})

    def dynamic(request: HttpRequest, value: str) -> HttpResponse:
        return JsonResponse({"route": route.number, "id": value})

    return dynamic if route.dynamic else static


class _NumberedHandler(WSGIHandler):  # type: ignore[misc]
    """A second application in the process, whose settings name the URLs of the first."""

    def __init__(self, patterns: Sequence[URLPattern]) -> None:
        super().__init__()
        self._resolver = URLResolver(RegexPattern("^/"), patterns)

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        request.resolver_match = self._resolver.resolve(request.path_info)
        return request.resolver_match
