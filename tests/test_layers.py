"""The architecture, as a test: what may import what, touch what, and how large it may be."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import apiroutes

PACKAGE = Path(apiroutes.__file__).parent
TOP = PACKAGE.parent

# A file imports from lower steps, or from inside its own room; never sideways, never up.
STEPS = [
    {"types", "errors", "lazy", "structs", "version", "code_origin", "marks", "secret_keys", "threads"},
    {
        "sizes",
        "logs",
        "readiness",
        "places",
        "streams",
        "terminal",
        "wrong_interface",
        "signing",
        "http",
        "routing",
        "schemas",
        "event_loop",
    },
    {"settings", "concurrency", "drafts", "files", "logging", "response_head", "signed_cookies", "session"},
    {
        "asgi_calls",
        "body",
        "lifespan",
        "rates",
        "response_cookies",
        "response_hooks",
        "readiness_checks",
        "stores",
    },
    {"response_state", "asgi_content", "asgi_lifespan", "after_response"},
    {"request", "response"},
    {"wsgi", "asgi", "results", "deadlines", "error_responses", "exits", "written_middleware"},
    {"handlers", "wrong_assignments"},
    {"chain", "clients", "openapi"},
    {"handler_steps", "cache", "security", "sessions", "rate_limits"},
    {"endpoint", "guards", "resources", "middleware"},
    {"explainer", "telemetry"},
    {"project", "overrides"},
    {"lookup", "builtin_endpoints", "asgi_application"},
    {"app"},
    {"app_file"},
    {"servers", "testing"},
    {"development", "scaffold"},
    {"cli", "pytest_plugin", "__init__"},
    {"__main__"},
]
STEP_OF = {name: number for number, names in enumerate(STEPS) for name in names}

# Each library that could be another one tomorrow is met in these files alone.
MET_IN = {
    "argon2": {"security/passwords.py"},
    "click": {
        "cli/cache.py",
        "cli/check.py",
        "cli/completion.py",
        "cli/dev.py",
        "cli/documents.py",
        "cli/group.py",
        "cli/main.py",
        "cli/new.py",
        "cli/options.py",
        "cli/ports.py",
        "cli/projects.py",
        "cli/routes.py",
        "cli/secret.py",
        "cli/shell.py",
        "cli/start.py",
        "cli/wrong_arguments.py",
    },
    "dotenv": {"settings/files.py", "settings/lines.py"},
    "granian": {"servers/granian.py", "servers/granian_worker.py"},
    "gunicorn": {
        "servers/gunicorn.py",
        "servers/gunicorn_arbiter.py",
        "servers/gunicorn_asgi.py",
        "servers/gunicorn_log.py",
        "servers/gunicorn_transfer.py",
        "servers/gunicorn_workers.py",
    },
    "itsdangerous": {"signing.py"},
    "jwt": {"security/token_keys.py"},
    "msgspec": {
        "cache/answers.py",
        "cache/argument_keys.py",
        "cache/value_codecs.py",
        "http/json.py",
        "schemas/annotations.py",
        "schemas/checkers.py",
        "schemas/dataclass_defaults.py",
        "schemas/messages.py",
        "schemas/mismatches.py",
        "schemas/part_types.py",
        "schemas/plain_schemas.py",
        "schemas/probe.py",
        "schemas/pydantic_models.py",
        "schemas/schema.py",
        "schemas/search.py",
        "stores/packed_entries.py",
        "stores/packed_values.py",
        "structs.py",
    },
    "limits": {"rates.py"},
    "multipart": {"body/formdata.py"},
    "opentelemetry": {"telemetry/child_spans.py", "telemetry/open_telemetry.py"},
    "prometheus_client": {"telemetry/prometheus.py", "telemetry/worker_files.py"},
    "pytest": {"pytest_plugin.py"},
    "pythonjsonlogger": {"logging.py"},
    "redis": {"stores/redis_connections.py"},
    "tomli": {"settings/files.py", "settings/lines.py"},
    "uvicorn": {"servers/uvicorn.py"},
    "watchfiles": {"development/watching.py"},
    "xxhash": {"http/conditional.py"},
}

# Files that import inside functions, each with what is not paid for by all who never need it.
IMPORTS_LATE = {
    "app_file.py": "asyncio, by projects whose `app.py` makes no ASGI application",
    "app.py": "asyncio and `openapi`, by projects that need no ASGI and no document",
    "builtin_endpoints.py": "`openapi`, by projects without a documentation page",
    "cache/functions.py": "asyncio, by projects without coroutine functions whose values are kept",
    "cache/revalidation.py": "asyncio and concurrent.futures, by projects that revalidate nothing",
    "cli/dev.py": "the development server, by the other commands",
    "cli/documents.py": "PyYAML, by documents that are JSON, and `clients`, by the other commands",
    "cli/new.py": "the scaffold, and what reads the metadata of packages, by the other commands",
    "cli/questions.py": "the development room, by paths that a route matches",
    "cli/shell.py": "the test client, by the other commands",
    "cli/version.py": "importlib.metadata, by the other commands",
    "cli/options.py": "click's completion, by commands that run",
    "concurrency/coroutines.py": "asyncio, by projects without coroutines",
    "deadlines/on_loop.py": "asyncio, by projects that no ASGI server serves",
    "exits/names.py": "asyncio, by projects without async dependencies",
    "lifespan/lifespan.py": "asyncio, by projects whose `register` is a plain function",
    "logging.py": "python-json-logger, by projects whose log is text",
    "project/build.py": "the built-in middleware, by projects that do not use it",
    "rate_limits/keys.py": "ipaddress, by projects without clients that have IPv6",
    "rates.py": "limits, by projects that limit nothing",
    "project/cross_site.py": "sign-in, by projects without sessions and cookies",
    "response_state.py": "asyncio, by handlers that return no ASGI application",
    "schemas/pydantic_models.py": "pydantic, by projects without its types and annotated_types' constraints",
    "security/jwt.py": "what verifies tokens, and urllib, by projects without tokens",
    "security/token_keys.py": "PyJWT, by projects without tokens",
    "security/passwords.py": "argon2-cffi and the data of Unicode, by projects without such passwords",
    "signing.py": "itsdangerous and hashlib, by projects that sign nothing",
    "settings/lines.py": "tomli and python-dotenv, by projects without a wrong setting",
    "settings/files.py": "tomli and python-dotenv, by projects without such files",
    "stores/opening.py": "SQLite and redis-py, by projects that keep nothing there",
    "stores/session_opening.py": "SQLite and redis-py, by projects that keep no sessions there",
    "telemetry/__init__.py": "OpenTelemetry and prometheus_client, by projects that do not ask for them",
}

# A leading underscore on Request and Response means "not for handlers": a property per read would be paid for
# on every request. These files of the framework read or set such names, and no others do.
TOUCHES: dict[str, set[str]] = {
    "after_response/work.py": {
        "_end",
    },
    "app.py": {
        "_answered_error",
        "_body",
        "_call_at_end",
        "_discard_response",
        "_fail",
        "_in_middleware",
        "_is_unbuffered",
        "_pending",
        "_run_end_hooks",
        "_write",
    },
    "asgi_application.py": {
        "_application",
        "_has_departure_that_waits",
        "_head_hooks",
        "_is_unbuffered",
        "_pending",
        "_run_end_hooks",
        "_start_streaming_on_loop",
        "_stream",
    },
    "body/decoders.py": {
        "_form_limits",
    },
    "cache/answers.py": {
        "_content",
        "_content_headers",
        "_etag_start",
        "_headers",
        "_lines_of",
        "_status",
        "_status_was_set",
    },
    "cache/cached_routes.py": {
        "_headers",
        "_lines_of",
        "_status",
    },
    "cache/computing.py": {
        "_application",
        "_apply",
        "_call_at_departure",
        "_checkpoint",
        "_clear_content",
        "_computing",
        "_content",
        "_content_headers",
        "_departure_calls",
        "_drop",
        "_end_hooks",
        "_environ",
        "_etag_start",
        "_head_hooks",
        "_headers",
        "_is_complete",
        "_is_unbuffered",
        "_limits",
        "_lines_of",
        "_run_head_hooks",
        "_sends_file",
        "_start_streaming",
        "_state",
        "_status",
        "_status_was_set",
        "_stream",
    },
    "cache/headers.py": {
        "_append",
        "_apply",
        "_headers",
        "_shared_control",
        "_write",
    },
    "cache/hot_answers.py": {
        "_apply",
        "_content",
        "_content_headers",
        "_drop",
        "_etag_prefix",
        "_etag_start",
        "_headers",
        "_shared_control",
        "_state",
        "_status",
        "_status_was_set",
    },
    "cache/narrowed.py": {
        "_body",
        "_environ",
        "_limits",
        "_pending",
    },
    "cache/own_path.py": {
        "_call_at_departure",
        "_departure_calls",
        "_environ",
        "_status",
        "_write",
    },
    "cache/revalidation.py": {
        "_call_at_departure",
    },
    "cache/serving.py": {
        "_add_to_vary",
        "_apply",
        "_body",
        "_call_at_end",
        "_ends_when_closed",
        "_environ",
        "_fail",
        "_head_hooks",
        "_in_middleware",
        "_is_unbuffered",
        "_pending",
        "_secret_keys",
        "_start_streaming",
        "_when_late",
        "_write",
    },
    "cache/visits.py": {
        "_application",
        "_content",
        "_lines_of",
        "_status",
        "_stream",
    },
    "chain.py": {
        "_can_change",
        "_checkpoint",
        "_close",
        "_drop_coroutine",
        "_fail",
        "_has_arrived",
        "_in_middleware",
        "_is_unbuffered",
        "_next_coroutine",
        "_pending",
        "_position",
        "_reopen",
        "_replace",
        "_snapshot",
        "_start_streaming",
        "_start_streaming_on_loop",
        "_state",
        "_status",
        "_status_was_set",
    },
    "deadlines/in_thread.py": {
        "_end_with",
        "_environ",
        "_sends_file",
        "_start_response",
        "_start_streaming",
        "_stream",
    },
    "deadlines/loop_lease.py": {
        "_sends_file",
        "_stream",
    },
    "deadlines/on_loop.py": {
        "_end_with",
        "_start_response",
        "_start_streaming_on_loop",
    },
    "deadlines/revocation.py": {
        "_answered_error",
        "_application",
        "_checkpoint",
        "_departure_calls",
        "_discard_response",
        "_environ",
        "_head_hooks",
        "_in_middleware",
        "_is_unbuffered",
        "_start_response",
        "_stream",
        "_write",
    },
    "endpoint.py": {
        "_content_headers",
        "_send_json",
        "_state",
        "_status",
        "_status_was_set",
        "_write",
    },
    "error_responses.py": {
        "_content",
        "_content_headers",
        "_state",
        "_status",
    },
    "exits/open_streams.py": {
        "_announced_length",
        "_application",
        "_can_begin",
        "_environ",
        "_sends_file",
        "_start_streaming",
        "_status",
        "_stream",
    },
    "exits/plan_tasks.py": {
        "_announced_length",
        "_application",
        "_body",
        "_close",
        "_has_arrived",
        "_pending",
        "_reopen",
        "_start_streaming_on_loop",
        "_stream",
    },
    "guards.py": {
        "_in_middleware",
        "_state",
    },
    "handler_steps.py": {
        "_checkpoint",
        "_clear_content",
        "_content",
        "_coroutine",
        "_entered_by_middleware",
        "_fail",
        "_headers",
        "_in_middleware",
        "_is_complete",
        "_is_unbuffered",
        "_keep_context",
        "_pending",
        "_prepare_body",
        "_roll_back",
        "_snapshot",
        "_start_streaming",
        "_start_streaming_on_loop",
        "_state",
        "_status_was_set",
        "_write",
        "_written",
    },
    "handlers/calls.py": {
        "_read_body_as",
    },
    "handlers/plans.py": {
        "_body",
    },
    "logs.py": {
        "_fault_observers",
    },
    "middleware/access_log.py": {
        "_call_at_end",
    },
    "middleware/log_context.py": {
        "_call_at_end",
        "_stream",
    },
    "middleware/proxy_fix.py": {
        "_replace_environ",
    },
    "middleware/wsgi_bridge.py": {
        "_adopt_write",
        "_announced_length",
        "_answered_error",
        "_answered_status",
        "_checkpoint",
        "_content",
        "_content_headers",
        "_discard_response",
        "_drop",
        "_drop_content",
        "_etag_prefix",
        "_etag_start",
        "_forget_written",
        "_has_ended",
        "_headers",
        "_mark",
        "_note",
        "_replace_environ",
        "_replace_head",
        "_restart",
        "_route_listeners",
        "_run_head_hooks",
        "_set_stream",
        "_settle",
        "_snapshot",
        "_start_response",
        "_start_streaming",
        "_state",
        "_status",
        "_stream",
        "_write",
    },
    "results.py": {
        "_append",
        "_rewind_body",
        "_send_file",
    },
    "overrides.py": {
        "_instead_of_steps",
    },
    "rate_limits/keys.py": {
        "_open_session",
        "_signed_in",
    },
    "rate_limits/limiter.py": {
        "_headers",
    },
    "rate_limits/middleware.py": {
        "_call_at_departure",
    },
    "security/sign_in.py": {
        "_add_to_vary",
        "_instead_of_steps",
        "_signed_in",
    },
    "security/token_verifying.py": {
        "_instead_of_steps",
        "_signed_in",
    },
    "sessions/editing.py": {
        "_run_head_hooks",
    },
    "sessions/middleware.py": {
        "_open_session",
    },
    "sessions/stored.py": {
        "_apply",
        "_lines_of",
        "_write",
    },
    "sessions/visits.py": {
        "_add_to_vary",
        "_append",
        "_call_at_departure",
        "_has_ended",
        "_headers",
        "_shared_control",
        "_status",
        "_write",
    },
    "telemetry/__init__.py": {
        "_fault_observers",
        "_route_listeners",
    },
    "telemetry/open_telemetry.py": {
        "_call_at_end",
        "_state",
    },
    "telemetry/prometheus.py": {
        "_call_at_end",
        "_content",
        "_state",
        "_status",
        "_written",
    },
    "wsgi.py": {
        "_announced_length",
        "_content",
        "_content_headers",
        "_cut_by",
        "_end_hooks",
        "_end_writing",
        "_ends_when_closed",
        "_environ",
        "_etag_start",
        "_headers",
        "_is_unbuffered",
        "_repeated_headers",
        "_run_end_hooks",
        "_run_head_hooks",
        "_shared_control",
        "_start_streaming",
        "_status",
        "_stream",
        "_unwritten",
        "_write",
        "_written",
    },
}

MOST_LINES_OF_A_MODULE = 300
MOST_LINES_OF_A_FUNCTION = 30
# Longer functions, each with the reason why it is one.
LONG_FUNCTIONS = {
    "app.py:__call__": "the walk of a request, which another call would make slower",
    "http/cookies.py:dump_cookie": "the attributes of a cookie, one after the other, each with its check",
}

# What `apiroutes new` copies is no code of the package.
FILES = sorted(
    path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if "templates" not in path.parts
)
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def room_of(file: str) -> str:
    return file.removesuffix(".py").split("/")[0]


@cache
def tree_of(file: str) -> ast.Module:
    return ast.parse((PACKAGE / file).read_text(encoding="utf-8"))


def functions_of(file: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (
        node for node in ast.walk(tree_of(file)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )


@cache
def imports(file: str) -> list[tuple[ast.stmt, str]]:
    """Every import statement of a file with the module that it names."""
    return list(_imports(file))


def _imports(file: str) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} has a relative import"
            module = node.module or ""
            if module == "apiroutes":  # from apiroutes import conditional
                for alias in node.names:
                    yield node, f"apiroutes.{alias.name}"
            else:
                yield node, module


def imported_files(top: Path, file: Path) -> Iterator[Path]:
    """The files below `top` that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # `from room import module` is an import of the module.
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
            if not all((top / module.replace(".", "/")).with_suffix(".py").is_file() for module in modules):
                modules.append(str(node.module))
        else:
            continue
        for module in modules:
            path = top / module.replace(".", "/")
            for candidate in (path.with_suffix(".py"), path / "__init__.py"):
                if candidate.is_file():
                    yield candidate


# -- imports


def test_every_file_has_a_step() -> None:
    assert {room_of(file) for file in FILES} == set(STEP_OF)


@pytest.mark.parametrize("file", FILES)
def test_imports_come_from_below_or_from_inside(file: str) -> None:
    own = room_of(file)
    for node, module in imports(file):
        if not module.startswith("apiroutes"):
            continue
        parts = module.split(".")
        room = parts[1] if len(parts) > 1 and parts[1] in STEP_OF else "__init__"
        if room == own:
            continue
        assert STEP_OF[room] < STEP_OF[own], f"{file}:{node.lineno} climbs to {module}"
        is_room = room in ROOMS and room != "servers"
        assert not (is_room and len(parts) > 2), f"{file}:{node.lineno} reaches into {room}: {module}"


@pytest.mark.parametrize("directory", ["apiroutes", "benchmarks"])
def test_no_imports_go_in_a_circle(directory: str) -> None:
    files = [
        path
        for path in (TOP / directory).rglob("*.py")
        if "project" not in path.parts[-3:-1] and "templates" not in path.parts
    ]
    graph = {path: set(imported_files(TOP, path)) - {path} for path in files}
    list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def test_imports_stand_at_the_top_of_a_file_but_in_those_of_the_list() -> None:
    late = {
        file
        for file in FILES
        for function in functions_of(file)
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert late == set(IMPORTS_LATE)


@pytest.mark.parametrize("file", FILES)
def test_no_import_is_for_types_alone(file: str) -> None:
    names = {getattr(node, "id", getattr(node, "attr", None)) for node in ast.walk(tree_of(file))}
    assert "TYPE_CHECKING" not in names  # generated code has its own, in a text


@pytest.mark.parametrize("library", sorted(MET_IN))
def test_a_library_is_met_where_the_table_says(library: str) -> None:
    met = {file for file in FILES for _, module in imports(file) if module.split(".")[0] == library}
    assert met == MET_IN[library]


# -- rooms


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_begins_with_one_sentence(room: str) -> None:
    docstring = ast.get_docstring(tree_of(f"{room}/__init__.py")) or ""
    sentence = docstring.partition("\n\n")[0]
    assert re.fullmatch(r"[A-Z][^.]+\.", sentence), sentence


# What these rooms export is for users.
@pytest.mark.parametrize("room", sorted(set(ROOMS) - {"middleware", "servers"}))
def test_a_room_exports_what_other_rooms_import(room: str) -> None:
    exported = {
        element.value
        for node in tree_of(f"{room}/__init__.py").body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List)
        for element in node.value.elts
        if isinstance(element, ast.Constant)
    }
    imported = {
        alias.name
        for file in FILES
        if room_of(file) != room
        for node, module in imports(file)
        if isinstance(node, ast.ImportFrom) and module == f"apiroutes.{room}"
        for alias in node.names
    }
    assert exported == imported


# -- the inner state of requests and responses


def private_names(*files: str) -> set[str]:
    """The names with a leading underscore that classes of these files have."""
    names = set()
    for file in files:
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.ClassDef):
                for statement in node.body:
                    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                        names.add(statement.name)
                    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                        names.add(statement.target.id)
                    elif isinstance(statement, ast.Assign):
                        names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
            elif (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and isinstance(node.value, ast.Name)
                and node.value.id == "self"
            ):
                names.add(node.attr)
    return {name for name in names if re.match(r"_[a-z]", name)}


OWNERS = (
    "request.py",
    "response.py",
    "response_cookies.py",
    "response_head.py",
    "response_hooks.py",
    "response_state.py",
)


@pytest.mark.parametrize("file", [file for file in FILES if file not in OWNERS])
def test_the_inner_state_of_a_request_is_touched_where_the_table_says(file: str) -> None:
    private = private_names(*OWNERS)
    touched = {
        node.attr
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Attribute)
        and node.attr in private
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }
    assert touched == TOUCHES.get(file, set())


@pytest.mark.parametrize("file", FILES)
def test_only_wsgi_and_the_edges_call_start_response(file: str) -> None:
    """`servers/factory` and the development server answer without an App, the bridge for WSGI middleware;
    a deadline stands between a handler and the real one."""
    calls = [
        node
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "start_response"
    ]
    assert not calls or file in {
        "wsgi.py",
        "deadlines/revocation.py",
        "servers/factory.py",
        "development/application.py",
        "middleware/wsgi_bridge.py",
    }


# -- sizes


@cache
def code_lines(file: str) -> frozenset[int]:
    """The numbers of a file's lines without blank ones, comments and docstrings, also those of attributes."""
    docstrings: set[int] = set()
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docstrings |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines: set[int] = set()
    source = (PACKAGE / file).read_text(encoding="utf-8")
    no_code = (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    )
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in no_code:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return frozenset(lines - docstrings)


@pytest.mark.parametrize("file", FILES)
def test_a_module_is_no_longer_than_it_may_be(file: str) -> None:
    assert len(code_lines(file)) <= MOST_LINES_OF_A_MODULE


def test_long_functions_are_those_of_the_list() -> None:
    long = {
        f"{file}:{function.name}"
        for file in FILES
        for function in functions_of(file)
        if sum(function.lineno <= line <= (function.end_lineno or 0) for line in code_lines(file))
        > MOST_LINES_OF_A_FUNCTION
    }
    assert long == set(LONG_FUNCTIONS)


# -- the documents


def test_the_table_of_contributing_is_the_steps() -> None:
    """Each row of CONTRIBUTING's table has the files and rooms of one step, in the order of the steps."""
    text = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", text, re.MULTILINE)
    table: list[set[str]] = [set() for _ in range(1 + max(int(number) for number, _ in rows))]
    for number, names in rows:
        table[int(number)] |= {name.rstrip("/") for name in re.findall(r"`([\w/]+)`", names)}
    assert table == STEPS
