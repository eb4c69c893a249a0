"""The setting `log_format`: the records of the process on standard error, as text or JSON."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from apiroutes import App
from apiroutes.logging import RequestFilter, json_formatter
from tests.start_reports import problems_of
from tests.support import HELLO, call, project

HANDLER = """
import logging
log = logging.getLogger("shop")
def GET(req):
    log.info("ordered %s", req.query.get("item"), extra={"item": req.query.get("item")})
    return 1
def POST(req): raise ValueError(req.query["item"])
"""
MIDDLEWARE = (
    "from apiroutes.middleware import access_log, request_id\nmiddleware = [request_id(), access_log()]\n"
)
FILES = {"pages/api/x.py": HANDLER, "middleware.py": MIDDLEWARE}

CALLS = """
import sys
sys.path.insert(0, {top!r})
{before}
from apiroutes import create_app
from tests.support import call
app = create_app()
for method in {methods!r}:
    call(app, method, "/api/x?item=" + {item!r}, [("X-Request-ID", "abc")])
import logging
logging.getLogger("lib").warning("outside")
"""


def lines_of(
    root: Path, form: str, methods: str = "G", item: str = "tea", before: str = "", **files: str
) -> list[str]:
    """The lines on standard error of a process that serves some requests."""
    toml = f"[tool.apiroutes]\nlog_format = '{form}'\n" if form else ""
    project(root, {"pyproject.toml": toml, **FILES, **{f"{name}.py": text for name, text in files.items()}})
    names = {"G": "GET", "P": "POST"}
    program = CALLS.format(
        top=str(Path(__file__).parents[1]),
        methods=[names[name] for name in methods],
        item=item,
        before=before,
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()


def records_of(root: Path, **how: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines_of(root, "json", **how)]


def test_json_has_a_line_for_each_record(tmp_path: Path) -> None:
    ordered, access, outside = records_of(tmp_path)
    assert next(iter(ordered)) == "time"
    assert {
        name: ordered[name] for name in ("level", "logger", "message", "request_id", "route", "item")
    } == {
        "level": "INFO",
        "logger": "shop",
        "message": "ordered tea",
        "request_id": "abc",
        "route": "/api/x",
        "item": "tea",
    }
    assert (access["logger"], access["status"], access["path"], access["request_id"]) == (
        "apiroutes.access",
        200,
        "/api/x",
        "abc",
    )
    assert (outside["logger"], outside["message"]) == ("lib", "outside")
    assert "request_id" not in outside


@pytest.mark.parametrize("item", ["a\nb", 'a"}\n{"level": "INFO"}', "a\u2028b\x85c\x1b[2K", "\udcff"])
def test_no_text_makes_a_second_record(tmp_path: Path, item: str) -> None:
    sent = quote(item, errors="surrogateescape")
    records = records_of(tmp_path, methods="GP", item=sent)
    assert [record["logger"] for record in records] == [
        "shop",
        "apiroutes.access",
        "apiroutes",
        "apiroutes.access",
        "lib",
    ]


def test_a_fault_has_its_traceback(tmp_path: Path) -> None:
    fault, *_ = records_of(tmp_path, methods="P")
    assert (fault["level"], fault["method"], fault["request_id"]) == ("ERROR", "POST", "abc")
    assert fault["message"] == "POST /api/x (pages/api/x.py) [abc] failed"
    lines = fault["exception"].split("\n")
    assert lines[0] == "Traceback (most recent call last):"
    assert "pages/api/x.py" in lines[1]
    assert lines[-1] == "ValueError: tea"


# What Python and `logging` write to standard error by themselves, as bare text; and what the record says.
BESIDE = {
    "warnings.warn('old')": ("WARNING", "py.warnings", "UserWarning: old"),
    "log.info('%d', 'x')": ("ERROR", "shop", "a log record could not be written: '%d' ("),
    "log.info({1: 2}, 'x')": ("ERROR", "shop", "a log record could not be written: dict ("),
    "log.info('%s', Hostile())": ("ERROR", "shop", "a log record could not be written: '%s' ("),
    "logging.getLogger('apiroutes').info('%d', 'x')": ("ERROR", "apiroutes", "could not be written"),
    "run(lambda: 1 / 0)": ("ERROR", "apiroutes", "the thread mine ended with an exception"),
}


@pytest.mark.parametrize("line", BESIDE)
@pytest.mark.parametrize("form", ["json", "text"])
def test_what_goes_past_the_log_is_a_record_too(tmp_path: Path, form: str, line: str) -> None:
    source = (
        "import logging, threading, warnings\nlog = logging.getLogger('shop')\n"
        "class Hostile:\n    def __str__(self): raise ValueError('a\\nb')\n"
        "def run(function):\n    thread = threading.Thread(target=function, name='mine')\n"
        f"    thread.start()\n    thread.join()\ndef GET():\n    {line}\n    return 1\n"
    )
    found, *others = lines_of(tmp_path, form, **{"pages/api/x": source})
    level, logger, message = BESIDE[line]
    if form == "json":
        record = json.loads(found)
        assert (record["level"], record["logger"]) == (level, logger)
        assert message in record["message"]
        assert len(list(map(json.loads, others))) == 2
    else:
        assert f"[{level}] {logger}" in found
        assert message in found
        assert all(line.startswith(("  ", "[")) for line in others)


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_a_file_logs_while_it_is_imported_is_a_record(tmp_path: Path, form: str) -> None:
    source = "import logging\nlogging.getLogger(__name__).warning('a\\nb')\n" + HANDLER
    first, *others = lines_of(tmp_path, form, **{"pages/api/x": source})
    if form == "json":
        assert (json.loads(first)["logger"], json.loads(first)["message"]) == ("pages.api.x", "a\nb")
    else:
        assert first.endswith("[WARNING] pages.api.x: a")
        assert others[0] == "  b"


def test_a_thread_may_end_itself(tmp_path: Path) -> None:
    source = "import sys, threading\ndef GET():\n    thread = threading.Thread(target=sys.exit)\n"
    records = records_of(tmp_path, **{"pages/api/x": source + "    thread.start()\n    return 1\n"})
    assert [record["logger"] for record in records] == ["apiroutes.access", "lib"]


def test_warnings_of_the_start_are_json_too(tmp_path: Path) -> None:
    first, *_ = records_of(tmp_path, **{"pages/api/y": "runtime = 'edge'\n" + HELLO})
    assert first["level"] == "WARNING"
    assert "runtime" in first["message"]


def test_an_app_file_may_set_it(tmp_path: Path) -> None:
    source = "from apiroutes import App\napp = App('.', log_format='json')\n"
    lines = lines_of(tmp_path, "", app=source)
    assert [json.loads(line)["logger"] for line in lines] == ["shop", "apiroutes.access", "lib"]


def test_text_names_logger_and_request(tmp_path: Path) -> None:
    ordered, access, outside = lines_of(tmp_path, "text")
    assert ordered.endswith("[INFO] shop [abc]: ordered tea")
    assert "[INFO] apiroutes.access [abc]: method=GET route=/api/x" in access
    assert outside.endswith("[WARNING] lib: outside")


def test_a_second_line_of_a_text_is_indented(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, "text", item="a%0A[2026-11-21]%1B[2K")
    assert lines[1] == "  [2026-11-21]\\x1b[2K"


def test_a_fault_as_text_is_indented(tmp_path: Path) -> None:
    first, *rest = lines_of(tmp_path, "text", methods="P")
    assert first.endswith("[ERROR] apiroutes: POST /api/x (pages/api/x.py) [abc] failed")
    assert rest[0] == "  Traceback (most recent call last):"


def test_without_it_the_log_of_apiroutes_alone_is_written(tmp_path: Path) -> None:
    access, outside = lines_of(tmp_path, "")
    assert "[INFO] method=GET route=/api/x" in access
    assert outside == "outside"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_project_that_configures_logging_gets_what_it_configured(tmp_path: Path, form: str) -> None:
    configured = "import logging\nlogging.basicConfig(format='mine %(message)s')\n"
    lines = lines_of(tmp_path, form, **{"middleware": configured + MIDDLEWARE})
    assert all(line.startswith("mine ") for line in lines)
    assert lines[-1] == "mine outside"


def test_json_without_its_extra_is_a_start_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apiroutes.project.extras.find_spec", lambda name: None)
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": HELLO}, log_format="json")
    assert "pythonjsonlogger is not installed" in problem.message
    assert "pip install 'apiroutes[json-logs]'" in problem.remedy


def test_another_format_is_a_start_error(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": HELLO}, log_format="xml")
    assert "'xml' is not one of 'text', 'json'" in problem.message


def test_an_app_alone_configures_nothing(tmp_path: Path) -> None:
    before = list(logging.root.handlers), list(logging.getLogger("apiroutes").handlers)
    call(App(project(tmp_path, FILES), log_format="json"))
    assert (list(logging.root.handlers), list(logging.getLogger("apiroutes").handlers)) == before


# -- for a configuration of one's own


def record(**attributes: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "shop", "msg": "x", **attributes})


CYCLE: dict[str, Any] = {}
CYCLE["cycle"] = CYCLE
ODD = [float("nan"), {(1, 2): 3}, object(), b"\xff", CYCLE, {1, 2}, "\ud800"]


@pytest.mark.parametrize("value", ODD)
def test_any_extra_is_written_as_json(value: Any) -> None:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    written = json_formatter().format(record(value=value, lineno_of_mine=5))
    assert "\n" not in written
    read = json.loads(written, parse_constant=refuse)
    assert (read["message"], read["lineno_of_mine"]) == ("x", 5)


MEMBERS = ("time", "level", "logger", "message", "process", "exception", "stack")


@pytest.mark.parametrize("name", [*MEMBERS, "trace_id", "exc_info", "levelname"])
def test_a_dict_as_message_is_text_and_replaces_nothing(name: str) -> None:
    read = json.loads(json_formatter().format(record(levelname="INFO", msg={name: "FAKE"})))
    assert read["message"] == f"{{'{name}': 'FAKE'}}"
    assert "FAKE" not in [value for member, value in read.items() if member != "message"]
    assert (read["level"], read["logger"]) == ("INFO", "shop")


@pytest.mark.parametrize("value", ["FAKE", {"a": 1}, None, 5])
@pytest.mark.parametrize("name", ["time", "level", "logger", "exception", "stack"])
def test_an_extra_never_replaces_a_member_of_the_record(name: str, value: Any) -> None:
    plain = json.loads(json_formatter().format(record(levelname="INFO", created=0.0)))
    read = json.loads(json_formatter().format(record(levelname="INFO", created=0.0, **{name: value})))
    assert read.pop(f"extra_{name}") == value
    assert read == plain


@pytest.mark.parametrize(
    ("file", "name"),
    [("users", "pages.api.users"), ("[id]", "pages.api.[id]"), ("(a)/v1.2", "pages.api.(a).v1.2")],
)
def test_a_logger_of_a_route_has_the_name_of_its_file(tmp_path: Path, file: str, name: str) -> None:
    app = App(project(tmp_path, {f"pages/api/{file}.py": HELLO}))
    (resource,) = app.resources.values()
    assert resource.module is not None
    called = record(name=next(iter(resource.module.handlers.values())).function.__module__)
    assert RequestFilter().filter(called)
    assert called.name == name


def test_the_text_of_an_exception_is_bounded() -> None:
    try:
        raise ValueError("a" * 1_000_000)
    except ValueError:
        written = json_formatter().format(record(exc_info=sys.exc_info()))
    assert len(written) < 30_000
    assert " more characters)" in json.loads(written)["exception"]


@pytest.mark.parametrize(
    ("filter", "found"), [(RequestFilter(), "-"), (RequestFilter(""), ""), (RequestFilter(None), None)]
)
def test_the_filter_says_what_stands_for_a_missing_field(filter: RequestFilter, found: str | None) -> None:
    filtered = record()
    assert filter.filter(filtered)
    assert [vars(filtered).get(name) for name in ("request_id", "trace_id", "route")] == [found] * 3


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\ud800b", "a\N{REPLACEMENT CHARACTER}b"),
        ("\udc00\ud800", "\N{REPLACEMENT CHARACTER}" * 2),
        ("\N{GRINNING FACE}\ud83d", "\N{GRINNING FACE}\N{REPLACEMENT CHARACTER}"),
        ("\\ud800", "\\ud800"),
        ("\\\ud800", "\\\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_json_has_no_surrogate_that_stands_alone(text: str, written: str) -> None:
    made = json.loads(json_formatter().format(record(value=text, inside={"key": [text]})))
    assert made["value"] == written
    assert made["inside"] == {"key": [written]}


def test_a_logger_of_a_route_with_parameters_has_the_name_of_its_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = "import logging\ndef GET(id):\n    logging.getLogger(__name__).warning('x')\n    return id\n"
    app = App(project(tmp_path, {"pages/api/users/[id].py": source}))
    caplog.handler.addFilter(RequestFilter())
    call(app, "GET", "/api/users/5")
    assert [found.name for found in caplog.records] == ["pages.api.users.[id]"]
