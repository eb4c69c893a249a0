"""The TypeScript client of the example: it compiles, and Node calls the running server with it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from apiroutes import openapi
from apiroutes.cli import main
from tests.acceptance.applications import PROJECT
from tests.acceptance.servers import gunicorn, serve
from tests.support import project

pytestmark = pytest.mark.slow

SECONDS = 60
TEMPLATE = Path(openapi.__file__).with_name("client.ts")
FLAGS = ["--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
FLAGS += ["--lib", "es2022,dom,dom.iterable", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"]

USE = """
import { ApiError, createClient } from "./client.js";
import type { Note } from "./client.js";

declare const process: { argv: string[] };

const api = createClient({ baseUrl: process.argv[2]! });
const note: Note = await api.putNotesById({ path: { id: "a/b" }, body: { title: "Milk" } });
const notes: Note[] = await api.getNotes({ query: { q: "milk", limit: 5 } });
const files: string[] = await api.postNotesByIdAttachments({
  path: { id: "a/b" },
  body: { file: [new File(["abc"], "list.txt")] },
});
const file: Blob = await api.getFilesByPath({ path: { path: "a/b/list.txt" } });
const wrong = await api.getNotes({ query: { limit: 0 } }).catch((error: unknown) => error);
const missing = await api.getNotesById({ path: { id: "none" } }).catch((error: unknown) => error);
const gone: void = await api.deleteNotesById({ path: { id: "a/b" } });
console.log(JSON.stringify([
  note,
  notes.length,
  files,
  await file.text(),
  wrong instanceof ApiError && typeof wrong.problem !== "string" && wrong.problem.errors,
  missing instanceof ApiError && missing.status,
  gone === undefined,
  await api.getHello(),
]));
"""
PRINTED = (
    '[{"id":"a/b","title":"Milk","text":""},1,["list.txt"],"abc",'
    '[{"place":"query.limit","message":"Expected `int` >= 1"}],404,true,{"message":"Hello"}]'
)
MISTAKES = [
    "api.getNotes({ query: { limit: 'many' } })",
    "api.getNotesById({})",
    "api.postNotes({ body: { text: 'a' } })",
    "api.postNotes({ body: { title: 'a', tittle: 'b' } })",
    "api.getHello().then((hello) => hello.message.missing)",
    "api.getNothing()",
]


@pytest.fixture(scope="module")
def tsc() -> str:
    compiler = shutil.which("tsc")
    if compiler is None or shutil.which("node") is None:
        pytest.skip("there is no TypeScript compiler: npm install -g typescript")
    return compiler


# Valid names of directories that could become code in a client.
HOSTILE = [
    "${process.exit(7)}",
    "`",
    "`+process.exit(7)+`",
    "$",
    "$$",
    "{",
    "{id}",
    "it's",
    'say "hi"',
    "*",
    "*;",
    "%",
    "%2F",
    "%7Bid%7D",
    "a?b=c",
    "a#b",
    "a;b=c&d",
    "größe 世界",
    "<script>",
]
HOSTILE_PARAMETERS = ["it's", 'a"b', "a`b", "${x}", "a-b", "constructor", "a}b", "*", "größe"]

CALL_ALL = """
import { createClient } from "./client.js";

declare const process: { argv: string[] };

const api = createClient({ baseUrl: process.argv[2]! });
const path = new Proxy({}, { get: () => "a/${1}" });
const results: unknown[] = [];
for (const call of Object.values(api) as ((parameters: unknown) => Promise<unknown>)[]) {
  results.push(await call({ path }).catch(String));
}
console.log(JSON.stringify(results));
"""


def write_client(directory: Path, root: Path = PROJECT) -> Path:
    file = directory / "client.ts"
    result = CliRunner().invoke(main, ["client", "--typescript", "--root", str(root), "-o", str(file)])
    assert result.exit_code == 0, result.output
    return file


def compile_file(tsc: str, directory: Path, name: str) -> str:
    """Compile a file and return the compiler's messages."""
    command = [tsc, *FLAGS, "--outDir", str(directory), str(directory / name)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS).stdout


def test_the_template_compiles_as_it_stands(tsc: str, tmp_path: Path) -> None:
    shutil.copy(TEMPLATE, tmp_path)
    assert compile_file(tsc, tmp_path, TEMPLATE.name) == ""


def test_node_calls_the_example_with_the_client(tsc: str, tmp_path: Path) -> None:
    write_client(tmp_path)
    (tmp_path / "use.ts").write_text(USE, encoding="utf-8")
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    assert compile_file(tsc, tmp_path, "use.ts") == ""
    database = {"NOTES_DB": str(tmp_path / "notes.db")}
    with serve(gunicorn("apiroutes:create_app()", "--threads", "2"), tmp_path / "log", database) as port:
        node = subprocess.run(
            ["node", str(tmp_path / "use.js"), f"http://127.0.0.1:{port}"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    assert node.stdout.strip() == PRINTED, node.stderr


def test_names_that_look_like_code_are_requested_as_they_are(tsc: str, tmp_path: Path) -> None:
    source = "def GET(params): return [{!r}, *params.values()]\n"
    files = {f"pages/api/{name}.py": source.format(name) for name in HOSTILE}
    files |= {f"pages/api/{name}/[id].py": source.format(f"{name}/") for name in HOSTILE}
    files |= {
        f"pages/api/p{number}/[{name}].py": source.format(f"[{name}]")
        for number, name in enumerate(HOSTILE_PARAMETERS)
    }
    # The directory's name becomes the title of the document.
    root = project(tmp_path / "${`' */", files)
    write_client(tmp_path, root)
    (tmp_path / "use.ts").write_text(CALL_ALL, encoding="utf-8")
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    assert compile_file(tsc, tmp_path, "use.ts") == ""
    with serve(gunicorn("apiroutes:create_app()"), tmp_path / "log", {}, root) as port:
        node = subprocess.run(
            ["node", str(tmp_path / "use.js"), f"http://127.0.0.1:{port}"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    assert node.returncode == 0, node.stderr
    expected = [[name] for name in HOSTILE]
    expected += [[f"{name}/", "a/${1}"] for name in HOSTILE]
    expected += [[f"[{name}]", "a/${1}"] for name in HOSTILE_PARAMETERS]
    assert sorted(json.loads(node.stdout)) == sorted(expected)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_compiler_reports_a_mistake(tsc: str, tmp_path: Path, mistake: str) -> None:
    write_client(tmp_path)
    lines = [
        'import { createClient } from "./client.js";',
        "const api = createClient();",
        f"await {mistake};",
    ]
    source = "\n".join([*lines, "export {};", ""])
    (tmp_path / "use.ts").write_text(source, encoding="utf-8")
    assert "use.ts(3," in compile_file(tsc, tmp_path, "use.ts")
