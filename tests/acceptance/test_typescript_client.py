"""TypeScript clients: they compile under the strictest flags, and Node calls running servers with them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apiroutes import App, clients
from apiroutes.cli import main
from apiroutes.clients import typescript_client
from tests.acceptance.applications import PROJECT
from tests.acceptance.servers import gunicorn, serve
from tests.support import project

pytestmark = pytest.mark.slow

SECONDS = 60
TEMPLATE = Path(clients.__file__).with_name("client.ts")
FLAGS = ["--strict", "--target", "es2020", "--module", "es2020", "--moduleResolution", "bundler"]
FLAGS += ["--lib", "es2020,dom", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"]
FLAGS += ["--verbatimModuleSyntax", "--isolatedModules", "--noUnusedLocals", "--noImplicitOverride"]
FLAGS += ["--noPropertyAccessFromIndexSignature"]
# A module of ES2020 has no `await` of its own.
MAIN = "async function main(): Promise<void> {{\n{}\n}}\nvoid main();\n"

USE = """
import { ApiError, createClient } from "./client.js";
import type { Note } from "./client.js";

declare const process: { argv: string[] };

async function main(): Promise<void> {
  const api = createClient({ baseUrl: process.argv[2]! });
  const note: Note = await api.putNotesById({ path: { id: "a/b" }, body: { title: "Milk" } });
  const notes: Note[] = await api.getNotes({ query: { q: "milk", limit: 5 } });
  const files: string[] = await api.postNotesByIdAttachments({
    path: { id: "a/b" },
    body: { file: [new File(["abc"], "list.txt")] },
  });
  const file: Blob = await api.getFilesByPath({ path: { path: "a/b/list.txt" } });
  const wrong = await api.getNotes({ query: { limit: 0 } }).result();
  const missing = await api.getNotesById({ path: { id: "none" } }).catch((error: unknown) => error);
  const gone: void = await api.deleteNotesById({ path: { id: "a/b" } });
  console.log(JSON.stringify([
    note,
    notes.length,
    files,
    await file.text(),
    !wrong.ok && typeof wrong.error !== "string" && wrong.error.errors,
    missing instanceof ApiError && missing.status,
    gone === undefined,
    await api.getHello(),
  ]));
}
void main();
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
    return tool("tsc", "typescript")


def tool(name: str, package: str) -> str:
    command = shutil.which(name)
    if command is None or shutil.which("node") is None:
        pytest.skip(f"there is no {name}: npm install -g {package}")
    return command


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

async function main(): Promise<void> {
  const api = createClient({ baseUrl: process.argv[2]! });
  const path = new Proxy({}, { get: () => "a/${1}" });
  const results: unknown[] = [];
  for (const call of Object.values(api) as ((parameters: unknown) => Promise<unknown>)[]) {
    results.push(await call({ path }).catch(String));
  }
  console.log(JSON.stringify(results));
}
void main();
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


def compile_use(tsc: str, directory: Path, source: str) -> None:
    """Compile a module that uses the client in the same directory."""
    (directory / "use.ts").write_text(source, encoding="utf-8")
    (directory / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    assert compile_file(tsc, directory, "use.ts") == ""


def run_use(directory: Path, port: int = 0) -> str:
    """Run the compiled module with the URL of a server, and return what it prints."""
    command = ["node", "--unhandled-rejections=strict", str(directory / "use.js"), f"http://127.0.0.1:{port}"]
    node = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert node.returncode == 0, node.stderr
    return node.stdout.strip()


def test_the_template_compiles_as_it_stands(tsc: str, tmp_path: Path) -> None:
    shutil.copy(TEMPLATE, tmp_path)
    assert compile_file(tsc, tmp_path, TEMPLATE.name) == ""


def test_node_calls_the_example_with_the_client(tsc: str, tmp_path: Path) -> None:
    write_client(tmp_path)
    compile_use(tsc, tmp_path, USE)
    database = {"NOTES_DB": str(tmp_path / "notes.db")}
    with serve(gunicorn("apiroutes:create_app()", "--threads", "2"), tmp_path / "log", database) as port:
        assert run_use(tmp_path, port) == PRINTED


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
    compile_use(tsc, tmp_path, CALL_ALL)
    with serve(gunicorn("apiroutes:create_app()"), tmp_path / "log", {}, root) as port:
        results = json.loads(run_use(tmp_path, port))
    expected = [[name] for name in HOSTILE]
    expected += [[f"{name}/", "a/${1}"] for name in HOSTILE]
    expected += [[f"[{name}]", "a/${1}"] for name in HOSTILE_PARAMETERS]
    assert sorted(results) == sorted(expected)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_compiler_reports_a_mistake(tsc: str, tmp_path: Path, mistake: str) -> None:
    write_client(tmp_path)
    lines = [
        'import { createClient } from "./client.js";',
        "const api = createClient();",
        f"void ({mistake});",
    ]
    (tmp_path / "use.ts").write_text("\n".join([*lines, ""]), encoding="utf-8")
    assert "use.ts(3," in compile_file(tsc, tmp_path, "use.ts")


# -- names

# What types and routes of users may be called, though the client has uses for it.
_TYPE_NAMES = """
    ApiOptions ApiError ApiCall ApiEvent ApiEvents ApiSuccess ApiFailure ApiClient Raw Parts Connection
    Problem Options Query Value Record Promise Response Request RequestInit Array Error TypeError Blob
    File FormData Headers URLSearchParams ReadableStream AsyncGenerator Generator AbortSignal Object
    String Number JSON Omit Exclude Parameters ReturnType TextDecoder fetch call send events merged
    createClient segment options string number any unknown never undefined object type interface default
    delete class Größe größe
"""
TYPE_NAMES = _TYPE_NAMES.split()
_OPERATION_NAMES = """
    createClient call send events merged segment segments fetch formData delete default class new await
    async yield let static enum eval arguments undefined parameters options Blob Response get_x_2 get_x2
    getX2 getX_2 ApiError größe constructor toString __proto__ then Größe_2 a-b 2x
"""
OPERATION_NAMES = _OPERATION_NAMES.split()


def names_document() -> dict[str, Any]:
    """A document in which every name is one that the client could need itself."""
    schemas = {
        name: {
            "type": "object",
            "properties": {"self": {"$ref": f"#/components/schemas/{name}"}, "n": {"const": number}},
            "required": ["n"],
        }
        for number, name in enumerate(TYPE_NAMES)
    }
    reference = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in TYPE_NAMES]}
    content = {"application/json": {"schema": reference}}
    form = {
        "multipart/form-data": {"schema": {"properties": {"file": {"type": "string", "format": "binary"}}}}
    }
    paths = {
        f"/{number}/{{fetch}}": {
            "post": {
                "operationId": name,
                "parameters": [
                    {"name": "fetch", "in": "path", "required": True, "schema": {"type": "string"}},
                    *({"name": name, "in": "query", "schema": {"type": "string"}} for name in TYPE_NAMES),
                ],
                "requestBody": {"required": True, "content": content if number % 2 else form},
                "responses": {
                    "200": {
                        "content": content if number % 3 else {"text/event-stream": {"schema": reference}}
                    }
                },
            }
        }
        for number, name in enumerate(OPERATION_NAMES)
    }
    return {"info": {"title": "x"}, "paths": paths, "components": {"schemas": schemas}}


def test_no_name_of_a_user_clashes(tsc: str, tmp_path: Path) -> None:
    (tmp_path / "client.ts").write_text(typescript_client(names_document()), encoding="utf-8")
    # These are the names of the client alone, or words of the language; all others keep theirs.
    own = {name for name in TYPE_NAMES if name.startswith("Api")} | {"createClient"}
    words = "string number any unknown never undefined object type interface default delete class"
    kept = [name for name in TYPE_NAMES if name not in own | set(words.split())] + ["ApiError_", "delete_"]
    values = "".join(
        f"export const v{number}: {name} = {{ n: {TYPE_NAMES.index(name.rstrip('_'))} }};\n"
        for number, name in enumerate(kept)
    )
    source = f'import {{ type {", type ".join(kept)} }} from "./client.js";\n{values}'
    (tmp_path / "use.ts").write_text(source, encoding="utf-8")
    assert compile_file(tsc, tmp_path, "use.ts") == ""


def test_operations_of_any_names_are_called(tsc: str, tmp_path: Path) -> None:
    (tmp_path / "client.ts").write_text(typescript_client(names_document()), encoding="utf-8")
    source = """
import { createClient } from "./client.js";

declare const console: { log(text: string): void };

async function main(): Promise<void> {
  const urls: string[] = [];
  const fetch = async (url: string): Promise<Response> => {
    urls.push(url.split("/")[1]!);
    return new Response(null, { status: 204 });
  };
  for (const call of Object.values(createClient({ fetch })) as ((parameters: unknown) => unknown)[]) {
    const result = call({ path: { fetch: "a" }, body: {} }) as AsyncGenerator & Promise<unknown>;
    await (Symbol.asyncIterator in result ? result.next() : result);
  }
  console.log(JSON.stringify(urls.map(Number).sort((a, b) => a - b)));
}
void main();
"""
    compile_use(tsc, tmp_path, source)
    assert json.loads(run_use(tmp_path)) == [*range(len(OPERATION_NAMES))]


# -- responses by status

SHOP = {
    "pages/api/orders.py": """
import msgspec
from apiroutes import ApiError, json

class Conflict(msgspec.Struct):
    taken_by: str

class Busy(msgspec.Struct):
    seconds: int

class Order(msgspec.Struct):
    name: str

responses = {409: Conflict, 503: Busy, "POST": {201: Order, 202: str}}

def POST(body: Order):
    if body.name == "taken":
        return json(Conflict("Ada"), status=409)
    if body.name == "busy":
        return json(Busy(3), status=503)
    if body.name == "later":
        return json("soon", status=202)
    if body.name == "gone":
        raise ApiError(410, "It is gone")
    if body.name == "":
        return json(body, status=422)
    return json(body, status=201)
"""
}
BY_STATUS = """
import { postOrders, type Conflict, type Order, type Problem } from "./client.js";

declare const process: { argv: string[] };

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => {};

async function describe(name: string): Promise<unknown> {
  const result = await postOrders({ body: { name } }, { baseUrl: process.argv[2]! }).result();
  if (result.ok) same<typeof result.data, string | Order>(true);
  switch (result.status) {
    case 201:
      same<typeof result.data, Order>(true);
      return [201, result.ok, result.data.name];
    case 202:
      same<typeof result.data, string>(true);
      return [202, result.ok, result.data.length];
    case 409:
      same<typeof result.error, Conflict>(true);
      return [409, result.ok, result.error.taken_by];
    case 503:
      return [503, result.ok, result.error.seconds];
    case 422:
      same<typeof result.error, string | Problem>(true);
      return [422, result.response.headers.get("Content-Type")];
    default:
      same<typeof result.error, string | Problem>(true);
      return [result.status, result.error];
  }
}

async function main(): Promise<void> {
  const results: unknown[] = [];
  for (const name of ["tea", "later", "taken", "busy", "", "gone"]) results.push(await describe(name));
  results.push(await postOrders({ body: { name: "taken" } }, { baseUrl: process.argv[2]! }).catch(String));
  console.log(JSON.stringify(results));
}
void main();
"""


def test_a_declared_status_narrows_to_its_type(tsc: str, tmp_path: Path) -> None:
    root = project(tmp_path / "shop", SHOP)
    write_client(tmp_path, root)
    compile_use(tsc, tmp_path, BY_STATUS)
    with serve(gunicorn("apiroutes:create_app()"), tmp_path / "log", {}, root) as port:
        results = json.loads(run_use(tmp_path, port))
    problem = {"type": "about:blank", "title": "Gone", "status": 410, "detail": "It is gone"}
    assert results == [
        [201, True, "tea"],
        [202, True, 4],
        [409, False, "Ada"],
        [503, False, 3],
        [422, "application/json; charset=utf-8"],
        [410, problem],
        "ApiError: HTTP status 409",
    ]


# -- server-sent events

# Pieces in which an event stream arrives (bytes as latin-1), and the events in it.
STREAMS: list[tuple[str, list[str], list[list[str]]]] = [
    ("one", ["data: a\n\n"], [["", "message", "a"]]),
    ("LF, CRLF and CR", ["data: a\n\ndata: b\r\n\r\ndata: c\r\r"], [["", "message", x] for x in "abc"]),
    (
        "CRLF in two pieces",
        ["data: a\r", "\n\r", "\ndata: b\r", "\n\r", "\n"],
        [["", "message", x] for x in "ab"],
    ),
    ("CR is not CRLF later", ["data: a\r\r", "data: b\r", "\r"], [["", "message", x] for x in "ab"]),
    ("CR and an empty piece", ["data: a\r", "", "\n\n"], [["", "message", "a"]]),
    ("byte by byte", list("id: 1\r\ndata: a\r\ndata: b\r\n\r\n"), [["1", "message", "a\nb"]]),
    ("a byte order mark", ["\xef\xbb\xbfdata: a\n\n"], [["", "message", "a"]]),
    ("a mark in pieces", ["\xef", "\xbb", "\xbfdata: a\n\n"], [["", "message", "a"]]),
    ("a second mark is content", ["\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n"], [["", "message", "b"]]),
    ("UTF-8 in pieces", ["data: \xe2", "\x82", "\xac\n\n"], [["", "message", "€"]]),
    ("invalid UTF-8", ["data: \xff\n\n"], [["", "message", "\ufffd"]]),
    ("lines of data", ["data: a\ndata:\ndata\ndata: b\n\n"], [["", "message", "a\n\n\nb"]]),
    (
        "one space is dropped",
        ["data:a\n\ndata:  b\n\ndata: c \n\n"],
        [["", "message", x] for x in ["a", " b", "c "]],
    ),
    ("empty data", ["data\n\ndata:\n\n"], [["", "message", ""], ["", "message", ""]]),
    ("comments", [": hi\n\n:\ndata: a\n:x\n\n"], [["", "message", "a"]]),
    ("events", ["event: tick\ndata: a\n\ndata: b\n\n"], [["", "tick", "a"], ["", "message", "b"]]),
    ("an event without data", ["event: tick\n\ndata: a\n\n"], [["", "message", "a"]]),
    (
        "an id stays",
        ["id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"],
        [["1", "message", "a"], ["1", "message", "b"], ["", "message", "c"]],
    ),
    ("an id without data", ["id: 7\n\ndata: a\n\n"], [["7", "message", "a"]]),
    (
        "an id with NUL",
        ["id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n"],
        [["1", "message", "a"], ["1", "message", "b"]],
    ),
    ("unknown fields", ["dat: x\n data: x\ndata : x\nDATA: x\ndata: a\n\n"], [["", "message", "a"]]),
    ("colons in data", ["data: a:b: c\n\n"], [["", "message", "a:b: c"]]),
    ("an unfinished event", ["data: a\n\ndata: b\n"], [["", "message", "a"]]),
    (
        "other breaks",
        ["data: a\u0085b\x0bc\x0c\n\n".encode().decode("latin-1")],
        [["", "message", "a\u0085b\x0bc\x0c"]],
    ),
    ("line separator", ["data: a\u2028b\n\n".encode().decode("latin-1")], [["", "message", "a\u2028b"]]),
    ("nothing", [], []),
]
READ = """
import { getFeed } from "./client.js";

const streams = STREAMS as string[][];

async function main(): Promise<void> {
  const results: unknown[] = [];
  for (const pieces of streams) {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const piece of pieces) controller.enqueue(Uint8Array.from(piece, (c) => c.charCodeAt(0)));
        controller.close();
      },
    });
    const headers = { "Content-Type": "text/event-stream; charset=utf-8" };
    const events: unknown[] = [];
    for await (const { id, event, data } of getFeed({ fetch: async () => new Response(body, { headers }) })) {
      events.push([id, event, data]);
    }
    results.push(events);
  }
  console.log(JSON.stringify(results));
}
void main();
"""


def feed_client(directory: Path, described: dict[str, Any]) -> None:
    """Write a client of one event stream, of which a document says this."""
    operation = {
        "operationId": "get_feed",
        "responses": {"200": {"content": {"text/event-stream": described}}},
    }
    document = {
        "info": {"title": "x"},
        "paths": {"/api/feed": {"get": operation}},
        "components": {"schemas": {}},
    }
    (directory / "client.ts").write_text(typescript_client(document), encoding="utf-8")


def test_event_streams_are_read_as_the_standard_says(tsc: str, tmp_path: Path) -> None:
    feed_client(tmp_path, {})
    compile_use(tsc, tmp_path, READ.replace("STREAMS", json.dumps([pieces for _, pieces, _ in STREAMS])))
    results = json.loads(run_use(tmp_path))
    names = [name for name, *_ in STREAMS]
    assert dict(zip(names, results)) == {name: events for name, _, events in STREAMS}


FEED = {
    "pages/api/feed.py": """
from apiroutes import Event, event_stream

def GET(req):
    last = int(req.headers.get("Last-Event-ID", "0"))
    if last >= 6:
        return None, 204
    def events():
        yield Event({"count": 0}, event="hello", retry=1)
        for number in (last + 1, last + 2):
            yield Event({"count": number}, id=str(number))
    return event_stream(events())
""".replace("return None, 204", "return req_done()")
    + "\nfrom apiroutes import text\ndef req_done(): return text('', status=204)\n",
    "pages/api/slow.py": """
import time
from apiroutes import event_stream

def GET(req):
    def events():
        while True:
            yield "tick"
            time.sleep(0.05)
    return event_stream(events())
""",
    "pages/api/missing.py": "from apiroutes import ApiError\ndef GET(): raise ApiError(404, 'No feed')\n",
    "pages/api/page.py": "def GET(): return 'a page'\n",
}
SUBSCRIBE = """
import { ApiError, createClient } from "./client.js";

declare const process: { argv: string[] };

async function main(): Promise<void> {
  const api = createClient({ baseUrl: process.argv[2]! });
  const counts: number[] = [];
  for await (const event of api.getFeed()) counts.push(event.data.count);
  const ids: string[] = [];
  for await (const { event, id } of api.getFeed({ reconnect: true })) if (event === "message") ids.push(id);
  const later: string[] = [];
  for await (const event of api.getFeed({ headers: { "Last-Event-ID": "4" } })) later.push(event.id);
  let first = "";
  for await (const event of api.getSlow()) {
    first = event.data;
    break;
  }
  const controller = new AbortController();
  let aborted: unknown;
  try {
    for await (const event of api.getSlow({ signal: controller.signal })) controller.abort(event.data);
  } catch (error) {
    aborted = error;
  }
  const failures: unknown[] = [];
  for (const stream of [api.getMissing(), api.getPage({ reconnect: true })]) {
    await stream.next().catch((error: unknown) => failures.push(error instanceof ApiError && String(error)));
  }
  console.log(JSON.stringify([counts, ids, later, first, aborted, failures]));
}
void main();
"""


def test_node_iterates_server_sent_events(tsc: str, tmp_path: Path) -> None:
    root = project(tmp_path / "feeds", FEED)
    document = App(root).openapi()
    count = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}
    for name in ("feed", "slow", "missing", "page"):
        described = {"schema": count} if name == "feed" else {}
        content = {"text/event-stream": described}
        document["paths"][f"/api/{name}"]["get"]["responses"]["200"] = {"content": content}
    (tmp_path / "client.ts").write_text(typescript_client(document), encoding="utf-8")
    compile_use(tsc, tmp_path, SUBSCRIBE)
    with serve(gunicorn("apiroutes:create_app()", "--threads", "8"), tmp_path / "log", {}, root) as port:
        results = json.loads(run_use(tmp_path, port))
    assert results == [
        [0, 1, 2],
        ["1", "2", "3", "4", "5", "6"],
        ["4", "5", "6"],
        "tick",
        "tick",
        ["ApiError: No feed", "ApiError: The response is no event stream but text/plain; charset=utf-8"],
    ]


# -- bodies and options

ECHO = {
    "pages/api/echo.py": """
def POST(req):
    files = {name: [part.filename, part.read().decode()] for name, part in req.files.items(multi=True)}
    body = req.body.decode() if isinstance(req.body, bytes) else req.body
    return [req.headers.get("Content-Type", "").partition(";")[0], body, files]
""",
    "pages/api/headers.py": """
def GET(req):
    return [req.headers.get(name) for name in ("Authorization", "X-One", "X-Two")]
""",
    "pages/api/search/[...path].py": "def GET(path: list[str], q: list[str] = []): return [path, q]\n",
    "pages/api/items/[id].py": "def GET(params): return params['id']\n",
    "pages/api/download.py": "def GET(res):\n    res.set_header('X-Kind', 'raw')\n    return b'abc'\n",
}
SEND = """
import { createClient, getHeaders, postEcho } from "./client.js";

declare const process: { argv: string[] };

async function main(): Promise<void> {
  const baseUrl = process.argv[2]! + "/";
  let calls = 0;
  const headers = async () => ({ Authorization: `token ${++calls}`, "X-One": "1" });
  const api = createClient({ baseUrl, headers });
  const form = new FormData();
  form.append("a", "1");
  form.append("file", new File(["text"], "größe.txt"));
  const bytes = new TextEncoder().encode("bytes");
  const stream = new Blob(["stream"]).stream();
  const bodies: unknown[] = [
    { a: [1, null] }, "text", null, 5, form, new URLSearchParams({ a: "b c" }), bytes, new Blob(["blob"]),
    new Blob(["<x/>"], { type: "text/xml" }), stream,
  ];
  const echoed: unknown[] = [];
  for (const body of bodies) echoed.push(await postEcho({ body }, { baseUrl }));
  echoed.push(await postEcho({ body: "plain" }, { baseUrl, headers: { "Content-Type": "text/plain" } }));
  const raw = api.getDownload().response();
  const errors: unknown[] = [];
  for (const id of ["", ".", ".."]) {
    try {
      await api.getItemsById({ path: { id } });
    } catch (error) {
      errors.push(String(error));
    }
  }
  const signal = AbortSignal.abort("stopped");
  const stopped = await api.getHeaders({ signal }).catch((error: unknown) => error);
  console.log(JSON.stringify({
    echoed,
    headers: [await api.getHeaders(), await api.getHeaders({ headers: { "X-One": "own", "x-two": "2" } })],
    function: await getHeaders({ baseUrl, headers: new Headers({ "X-Two": "2" }) }),
    search: await api.getSearchByPath({ path: { path: "a b/c%2F?#" }, query: { q: ["x&y", "z"] } }),
    id: await api.getItemsById({ path: { id: "a/b %2F?#" } }),
    raw: [(await raw).headers.get("X-Kind"), await (await raw).text()],
    errors,
    stopped,
  }));
}
void main();
"""


def test_bodies_and_options_are_sent(tsc: str, tmp_path: Path) -> None:
    root = project(tmp_path / "echo", ECHO)
    document = App(root).openapi()
    open_body = {"required": True, "content": {"application/json": {"schema": {}}}}
    document["paths"]["/api/echo"]["post"]["requestBody"] = open_body
    (tmp_path / "client.ts").write_text(typescript_client(document), encoding="utf-8")
    compile_use(tsc, tmp_path, SEND)
    with serve(gunicorn("apiroutes:create_app()"), tmp_path / "log", {}, root) as port:
        sent = json.loads(run_use(tmp_path, port))
    assert sent == {
        "echoed": [
            ["application/json", {"a": [1, None]}, {}],
            ["application/json", "text", {}],
            ["application/json", None, {}],
            ["application/json", 5, {}],
            ["multipart/form-data", {"a": "1"}, {"file": ["größe.txt", "text"]}],
            ["application/x-www-form-urlencoded", {"a": "b c"}, {}],
            ["application/octet-stream", "bytes", {}],
            ["application/octet-stream", "blob", {}],
            ["text/xml", "<x/>", {}],
            ["application/octet-stream", "stream", {}],
            ["text/plain", "plain", {}],
        ],
        "headers": [["token 3", "1", None], ["token 4", "own", "2"]],
        "function": [None, None, "2"],
        "search": [["a b", "c%2F?#"], ["x&y", "z"]],
        "id": "a/b %2F?#",
        "raw": ["raw", "abc"],
        "errors": [f'TypeError: "{text}" cannot be a segment of a path' for text in ("", ".", "..")],
        "stopped": "stopped",
    }


def test_a_bundle_has_only_the_operations_that_are_used(tmp_path: Path) -> None:
    esbuild = tool("esbuild", "esbuild")
    write_client(tmp_path)
    (tmp_path / "use.ts").write_text('import { getHello } from "./client";\nvoid getHello();\n')
    (tmp_path / "all.ts").write_text('import { createClient } from "./client";\nvoid createClient();\n')
    bundles = []
    for name in ("use.ts", "all.ts"):
        command = [esbuild, "--bundle", "--format=esm", str(tmp_path / name)]
        bundles.append(subprocess.run(command, capture_output=True, text=True, timeout=SECONDS).stdout)
    paths = ["/api/hello", "/api/notes", "/api/health"]
    assert [[path in bundle for path in paths] for bundle in bundles] == [[True, False, False], [True] * 3]
