"""The documents: their links, what they need, and tables that the code knows as well.

What they show, files and commands, is tested in tests/documents/.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from apiroutes.cli import main
from apiroutes.settings import Settings
from apiroutes.sizes import Size
from tests.documents.reading import DOCUMENTS, PAGES, ROOT, blocks, read, shown_by, text_of
from tests.support import project

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md"))]
DOCUMENTS = [
    *PAGES,
    "SECURITY.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("examples/**/README.md")),
]

_FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


# -- length and links


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) <= 120


def anchors(document: Path) -> set[str]:
    """The names of the headings, as GitHub makes them, and those that the text gives."""
    text = text_of(document.relative_to(ROOT).as_posix())
    names = set(re.findall(r'<a id="([^"]+)">', text))
    count: Counter[str] = Counter()
    for heading in _HEADING.findall(text):
        shown = re.sub(r"<[^>]*>|\]\([^)]*\)", "", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        names.add(f"{name}-{count[name]}" if count[name] else name)
        count[name] += 1
    return names


def links(document: str) -> list[str]:
    """Where the document's relative links lead."""
    found = _LINK.findall(_CODE.sub("", text_of(document)))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_relative_links_lead_somewhere(document: str) -> None:
    broken = []
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = ((ROOT / document).parent / path).resolve() if path else ROOT / document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_index_links_every_page_and_the_readme_those_of_one_subject() -> None:
    pages = {page.removeprefix("docs/") for page in PAGES} - {"README.md", "index.md"}
    assert pages <= set(links("docs/index.md"))
    assert {f"docs/{page}" for page in pages if "/" not in page} <= set(links("README.md"))


# -- what a page needs


def imported(page: str) -> set[str]:
    """The packages that the Python of a page imports."""
    names = set()
    for block in blocks(page):
        is_ours = block.language == "python" and block.name_there is None
        for node in ast.walk(ast.parse(block.source)) if is_ours else ():
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("page", PAGES)
def test_the_index_says_what_a_page_needs(page: str) -> None:
    rows = re.findall(
        r"^\| \[[^]]+\]\(([^)]+)\) \| `pip install ([^`]+)`", read("docs/index.md"), re.MULTILINE
    )
    named = {f"docs/{name}": set(packages.split()) for name, packages in rows}
    own = {Path(name).parts[0].removesuffix(".py") for shown in shown_by(page) for name in shown.files}
    installed = {"apiroutes", "itsdangerous", "msgspec", "werkzeug"}
    needed = imported(page) - sys.stdlib_module_names - installed - own - {"client"}  # which a command writes
    # A package may be one of several below a name: opentelemetry-sdk is imported as `opentelemetry.sdk`.
    packages = {f"{package.replace('-', '_')}_" for package in named.get(page, set())}
    assert {
        name for name in needed if not any(package.startswith(f"{name}_") for package in packages)
    } == set()


# -- settings


def written(value: object) -> str:
    """The value of a setting as the table has it."""
    if value is None:
        return "not set"
    if isinstance(value, Size):
        return f'`"{value.text}"`'
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"`{json.dumps(value)}`"


def test_the_table_of_settings_has_each_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", read("docs/settings.md"), re.MULTILINE)
    assert rows == [(setting.name, written(setting.default)) for setting in fields(Settings)]


# -- commands

_JSON_TOOL = " | python -m json.tool"
_HEADER = re.compile(r"%header\{([\w-]+)\}")


def _curl(command: str) -> argparse.Namespace:
    """The words of a curl command."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("url")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="form")
    parser.add_argument("--json")
    parser.add_argument("-o", dest="output", choices=["/dev/null"])
    parser.add_argument("-w", dest="written", default="")
    parser.add_argument("-b", dest="sent_jar")
    parser.add_argument("-c", dest="kept_jar")
    parser.add_argument("-s", "-N", action="store_true")
    return parser.parse_args(shlex.split(command)[1:])


def _request(sent: argparse.Namespace) -> dict[str, Any]:
    """What a curl command sends, for `call`."""
    headers = dict(header.split(": ", 1) for header in sent.headers)
    if sent.json is not None:
        headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
    elif sent.form is not None:
        headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    body = sent.form if sent.json is None else sent.json
    return {
        "method": sent.method or ("GET" if body is None else "POST"),
        "target": sent.url.removeprefix("localhost:8000"),
        "headers": list({"Accept": "*/*", **headers}.items()),
        "body": (body or "").encode(),
    }


def _printed(app: App, command: str, jars: dict[str, str]) -> str:
    """What the command prints of the App's answer. The first cookie of an answer is kept in the jar."""
    sent = _curl(command.removesuffix(_JSON_TOOL))
    if sent.sent_jar is not None:
        sent.headers.append(f"Cookie: {jars[sent.sent_jar]}")
    answer = call(app, **_request(sent))
    cookie = answer.header("Set-Cookie")
    if sent.kept_jar is not None and cookie is not None:
        jars[sent.kept_jar] = cookie.partition(";")[0]
    text = "" if sent.output else answer.body.decode()
    text += _HEADER.sub(lambda name: answer.header(name[1]) or "", sent.written).replace("\\n", "\n")
    return json.dumps(json.loads(text), indent=4) if command.endswith(_JSON_TOOL) else text


def curls(shown: Shown) -> list[tuple[str, str]]:
    return [(command, printed) for command, printed in shown.transcripts if command.startswith("curl ")]


@pytest.mark.parametrize("shown", [shown for shown in SHOWN if curls(shown)], ids=lambda shown: shown.page)
def test_curl_prints_what_a_page_shows(shown: Shown, tmp_path: Path) -> None:
    app = App(project(tmp_path, shown.files), mode="development")
    jars: dict[str, str] = {}
    printed = [(command, _at_any_time(_printed(app, command, jars))) for command, _ in curls(shown)]
    assert printed == [(command, _at_any_time(text)) for command, text in curls(shown)]


def _at_any_time(printed: str) -> str:
    """What a command prints, without the second in which it prints that."""
    return re.sub(r"(?<=ttl=)\d+|(?<=again in )\d+", "0", printed).rstrip("\n")


def test_the_readme_begins_with_an_endpoint_that_answers() -> None:
    shown = _shown("README.md")[0]
    assert next(iter(shown.files)) == "pages/api/hello.py"
    assert curls(shown)[0] == ("curl localhost:8000/api/hello", '{"name":"John Doe"}\n')


_RUN = re.compile(r"apiroutes (?:routes|shell|new)\b|apiroutes check$")
RUN = [
    pytest.param(shown, command, printed, id=f"{shown.page} {command}")
    for shown in SHOWN
    for command, printed in shown.transcripts
    if _RUN.match(command) and "problems in this project" not in printed
]


@pytest.mark.costly
@pytest.mark.parametrize(("shown", "command", "printed"), RUN)
def test_a_command_prints_what_a_page_shows(shown: Shown, command: str, printed: str, tmp_path: Path) -> None:
    # In a process of its own, because projects of other pages have modules of the same names.
    run = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=project(tmp_path, shown.files),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.stdout == printed


SERVED = [
    pytest.param(shown, printed, id=shown.page)
    for shown in SHOWN
    for command, printed in shown.transcripts
    if command == "apiroutes dev"
]


@pytest.mark.costly
@pytest.mark.parametrize(("shown", "printed"), SERVED)
def test_the_development_server_prints_what_a_page_shows(shown: Shown, printed: str, tmp_path: Path) -> None:
    # The first project of the page: later versions of its files are further down.
    root = project(
        tmp_path, dict(list(shown.files.items())[:1]) if shown.page == "README.md" else shown.files
    )
    command = [sys.executable, "-m", "apiroutes", "dev", "--port", "0"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=root, env=environ, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        said = [server.stderr.readline() for _ in printed.splitlines()]
        server.terminate()
    assert list(map(_in_general, said)) == list(map(_in_general, printed.splitlines(keepends=True)))


def _in_general(line: str) -> str:
    """The line with what differs from start to start, and from machine to machine."""
    line = re.sub(r"(?<=Serving )/\S+", "/project", re.sub(r"(?<=127\.0\.0\.1:)\d+", "8000", line))
    return re.sub(r"(?<=Ready in )\d+", "0", line)


def test_the_page_of_commands_has_every_command_and_option() -> None:
    page = read("docs/commands.md")
    for name, command in main.commands.items():
        assert f"apiroutes {name}" in page
        rows = re.findall(r"^\| (`-.*?) \|", page, re.MULTILINE)
        documented = {option for row in rows for option in re.findall(r"`(--?[\w-]+)`", row)}
        options = {name for option in command.params for name in option.opts if name.startswith("-")}
        assert options - {"--root"} <= documented


def test_the_mistakes_that_a_page_shows_are_reported(tmp_path: Path) -> None:
    handler = "def GET(): return 1\n"
    upload = 'config = {"api": {"bodyparser": False}}\n' + handler
    names = {"post/[pid].py": handler, "post/[slug].py": handler, "upload.py": upload}
    root = project(tmp_path, {f"pages/api/{name}": source for name, source in names.items()})
    output = CliRunner().invoke(main, ["check", "--root", str(root)]).output
    assert f"$ apiroutes check\n{output}" in read("docs/routes.md")
