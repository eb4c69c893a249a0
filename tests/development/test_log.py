"""What the developer's terminal shows of the log; each case in a process, whose `logging` it changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import project

SERVE = """
import sys
from pathlib import Path
from apiroutes.development.application import load_application
from apiroutes.development.log import show_log
from tests.support import call
show_log()
app = load_application(Path(sys.argv[1]), print)
print(call(app).text, flush=True)
"""
TOP = Path(__file__).parents[2]


def log_of(root: Path, *lines: str, before: str = "", **environ: str) -> list[str]:
    """The lines on standard error of a process that serves a request to a handler with these lines."""
    source = f"import logging\n{before}\ndef GET():\n    " + "\n    ".join(lines) + "\n    return 'done'\n"
    command = [sys.executable, "-c", SERVE, str(project(root, {"pages/api/x.py": source}))]
    ended = subprocess.run(
        command, cwd=TOP, capture_output=True, text=True, env={**os.environ, **environ}, timeout=60
    )
    assert ended.stdout.strip() == "done", ended.stderr
    return ended.stderr.splitlines()


SHOWN = [
    ("logging.info('x')", ["INFO    root: x"]),
    ("logging.getLogger('shop').info('added %d', 5)", ["INFO    shop: added 5"]),
    ("logging.getLogger('shop').warning('careful')", ["WARNING shop: careful"]),
    ("logging.getLogger('shop').critical('fire')", ["CRITICAL shop: fire"]),
    ("logging.getLogger('shop').debug('details')", []),
    ("logging.getLogger(__name__).info('x')", ["INFO    pages.api.x: x"]),
    (
        "logging.info('a'); logging.getLogger('b').info('c')",
        ["INFO    root: a", "INFO    b: c"],
    ),
    ("logging.getLogger('werkzeug').info('chatter')", []),
    ("logging.getLogger('watchfiles.main').info('chatter')", []),
]


@pytest.mark.costly
@pytest.mark.parametrize(("line", "shown"), SHOWN)
def test_records_from_info_on_are_shown_with_level_and_logger(
    tmp_path: Path, line: str, shown: list[str]
) -> None:
    assert log_of(tmp_path, line) == shown


@pytest.mark.costly
def test_records_of_an_import_are_shown(tmp_path: Path) -> None:
    assert log_of(tmp_path, "pass", before="logging.info('imported')") == ["INFO    root: imported"]


@pytest.mark.costly
def test_an_exception_is_shown_with_its_traceback(tmp_path: Path) -> None:
    lines = log_of(tmp_path, "try: 1/0", "except ZeroDivisionError: logging.exception('failed')")
    assert (lines[0], lines[-1]) == ("ERROR   root: failed", "ZeroDivisionError: division by zero")


HANDLER = "h = logging.StreamHandler(); h.setFormatter(logging.Formatter('theirs %(message)s'))\n"
DICT = (
    "import logging.config\n"
    "logging.config.dictConfig({'version': 1, 'formatters': {'f': {'format': 'theirs %(message)s'}},\n"
    "  'handlers': {'h': {'class': 'logging.StreamHandler', 'formatter': 'f'}},\n"
    "  'root': {'handlers': ['h']LEVEL}})\n"
)
# What a project does at its import; what is shown of a record of INFO, and of WARNING.
CONFIGURED = [
    ("logging.basicConfig(level=logging.INFO, format='theirs %(message)s')", ["theirs a", "theirs b"]),
    ("logging.basicConfig(format='theirs %(message)s')", ["theirs b"]),
    ("logging.basicConfig()", ["WARNING:shop:b"]),
    (HANDLER + "logging.getLogger().addHandler(h)", ["theirs b"]),
    (HANDLER + "logging.getLogger('shop').addHandler(h)", ["theirs a", "theirs b"]),
    (DICT.replace("LEVEL", ""), ["theirs b"]),
    (DICT.replace("LEVEL", ", 'level': 'INFO'"), ["theirs a", "theirs b"]),
    ("logging.getLogger('shop').setLevel(logging.WARNING)", ["WARNING shop: b"]),
    ("logging.getLogger().setLevel(logging.WARNING)", ["WARNING shop: b"]),
    ("logging.disable(logging.INFO)", ["WARNING shop: b"]),
]


@pytest.mark.costly
@pytest.mark.parametrize(("before", "shown"), CONFIGURED)
def test_what_a_project_configures_itself_wins(tmp_path: Path, before: str, shown: list[str]) -> None:
    lines = ["log = logging.getLogger('shop')", "log.info('a')", "log.warning('b')"]
    assert log_of(tmp_path, *lines, before=before) == shown


@pytest.mark.costly
def test_a_library_that_has_handlers_is_not_doubled(tmp_path: Path) -> None:
    before = HANDLER + "logging.getLogger('library').addHandler(h)"
    lines = ["logging.getLogger('library.part').warning('a')", "logging.info('b')"]
    assert log_of(tmp_path, *lines, before=before) == ["theirs a", "INFO    root: b"]


@pytest.mark.costly
def test_a_level_has_its_colour(tmp_path: Path) -> None:
    (line,) = log_of(tmp_path, "logging.warning('x')", FORCE_COLOR="1")
    assert line == "\x1b[33mWARNING \x1b[0m\x1b[1mroot\x1b[0m: x"


@pytest.mark.costly
def test_a_fault_is_logged_once(tmp_path: Path) -> None:
    source = "import logging\ndef GET():\n    raise RuntimeError('broken')\n"
    command = [sys.executable, "-c", SERVE, str(project(tmp_path, {"pages/api/x.py": source}))]
    ended = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=60)
    assert ended.stderr.count("RuntimeError: broken") == 1
    assert ended.stderr.startswith("ERROR   apiroutes: GET /api/x (pages/api/x.py) failed\n")
