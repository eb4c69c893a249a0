"""TypeScript clients: they compile under the strictest flags, and Node calls running servers with them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apiroutes import clients
from apiroutes.cli import main
from apiroutes.clients import typescript_client
from tests.acceptance.applications import PROJECT, files_in
from tests.acceptance.servers import gunicorn, serve
from tests.browsers import NO_CHROMIUM, chromium, has_chromium
from tests.clients.event_streams import STREAMS
from tests.documents.page_runs import write_clients
from tests.documents.reading import SHOWN
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
    await api.getNotes({ query: { limit: 0 } }).catch(String),
    gone === undefined,
    await api.getHello(),
  ]));
}
void main();
"""
PRINTED = (
    '[{"id":"a/b","title":"Milk","text":""},1,["list.txt"],"abc",'
    '[{"place":"query.limit","message":"Expected `int` >= 1"}],404,'
    r'"ApiError: The request is not valid.\nquery.limit: Expected `int` >= 1",true,{"message":"Hello"}]'
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
    database = files_in(tmp_path)
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


# -- paths of several segments

FILE = "def GET(path: list[str]) -> str: return repr(path)\n"
# A path, and the segments that the server gets.
PATHS = [
    ('"a/b c"', ["a", "b c"]),
    ('["a/b", "c"]', ["a/b", "c"]),
    ('["ö", "%2F"] as const', ["ö", "%2F"]),
    ("[]", None),
    ('["a", ".."]', None),
]


def test_a_path_is_text_or_a_list_of_segments(tsc: str, tmp_path: Path) -> None:
    root = project(tmp_path / "files", {"pages/api/[...path].py": FILE})
    write_client(tmp_path, root)
    calls = "\n".join(f"  texts.push(await get(() => {path}));" for path, _ in PATHS)
    source = f"""
import {{ createClient }} from "./client.js";

declare const process: {{ argv: string[] }};

async function main(): Promise<void> {{
  const api = createClient({{ baseUrl: process.argv[2]! }});
  const texts: string[] = [];
  const get = async (path: () => string | readonly string[]): Promise<string> => {{
    try {{
      return await api.getByPath({{ path: {{ path: path() }} }});
    }} catch (error) {{
      return String(error);
    }}
  }};
{calls}
  console.log(JSON.stringify(texts));
}}
void main();
"""
    compile_use(tsc, tmp_path, source)
    with serve(gunicorn("apiroutes:create_app()"), tmp_path / "log", {}, root) as port:
        found = json.loads(run_use(tmp_path, port))
    refused = 'TypeError: "{}" cannot be a segment of a path'
    texts = [repr(segments) if segments else refused.format("") for _, segments in PATHS]
    assert found == [*texts[:-1], refused.format("..")]


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
        'ApiError: HTTP status 409: {"taken_by":"Ada"}',
    ]


# -- server-sent events

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
import msgspec
from apiroutes import Event, EventStream, event_stream, text

class Count(msgspec.Struct):
    count: int

def GET(req) -> EventStream[Count]:
    last = int(req.headers.get("Last-Event-ID", "0"))
    if last >= 6:
        return text("", status=204)
    def events():
        yield Event(Count(0), event="hello", retry=1)
        for number in (last + 1, last + 2):
            yield Event(Count(number), id=str(number))
    return event_stream(events())
""",
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
    "pages/api/missing.py": """
from apiroutes import ApiError, EventStream

def GET() -> EventStream:
    raise ApiError(404, "No feed")
""",
    "pages/api/page.py": "from apiroutes import EventStream\ndef GET() -> EventStream: return 'a page'\n",
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
    write_client(tmp_path, root)
    compile_use(tsc, tmp_path, SUBSCRIBE)
    with serve(gunicorn("apiroutes:create_app()", "--threads", "8"), tmp_path / "log", {}, root) as port:
        results = json.loads(run_use(tmp_path, port))
    assert results == [
        [0, 1, 2],
        ["1", "2", "3", "4", "5", "6"],
        ["4", "5", "6"],
        "tick",
        "tick",
        [
            "ApiError: No feed",
            "ApiError: The response is not an event stream: its Content-Type is text/plain; charset=utf-8",
        ],
    ]


BROWSER = {
    "pages/api/page.py": "from apiroutes import html\ndef GET(): return html('<title>A page</title>')\n",
    "pages/api/modules/[name].py": """
from pathlib import Path
from apiroutes import file

def GET(name: str):
    return file(Path(__file__).parents[4] / name, headers={"Content-Type": "text/javascript"})
""",
    "pages/api/ticks.py": """
import time
from apiroutes import Event, EventStream, event_stream

ended = []

def GET() -> EventStream[int]:
    def ticks():
        try:
            for number in range(10_000):
                yield Event(number, id=f"tick {number} é", event="tick")
                time.sleep(0.02)
        finally:
            ended.append(True)
    return event_stream(ticks())

def HEAD(res):
    res.set_header("X-Ended", str(len(ended))).status(204)
""",
    "pages/api/upload.py": """
from apiroutes import UploadFile

def POST(file: UploadFile) -> list[str]:
    return [file.filename, file.read().decode()]
""",
}
IN_PAGE = """
import { createClient } from "./client.js";

const api = createClient();

async function untilEnded(count: number): Promise<void> {
  for (;;) {
    const head = await api.headTicks().response();
    if (head.headers.get("X-Ended") === String(count)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function run(): Promise<unknown> {
  const left: unknown[] = [];
  for await (const { id, event, data } of api.getTicks()) {
    left.push([id, event, data]);
    if (data === 2) break;
  }
  await untilEnded(1);
  const controller = new AbortController();
  let reason = "";
  try {
    for await (const { data } of api.getTicks({ signal: controller.signal, reconnect: true })) {
      if (data === 1) controller.abort();
    }
  } catch (error) {
    reason = (error as Error).name;
  }
  await untilEnded(2);
  const uploaded: string[] = await api.postUpload({ body: { file: new File(["eggs"], "größe.txt") } });
  const wrong = await api.postUpload({ body: new FormData() }).result();
  return [left, reason, uploaded, wrong.status];
}
"""


def test_a_browser_iterates_events_and_ends_them(tsc: str, tmp_path: Path) -> None:
    if not has_chromium():
        pytest.skip(NO_CHROMIUM)
    root = project(tmp_path / "site", BROWSER)
    write_client(tmp_path, root)
    compile_use(tsc, tmp_path, IN_PAGE)
    command = [sys.executable, "-m", "apiroutes", "dev", "--port", "0"]
    with serve(command, tmp_path / "log", {}, root) as port, chromium() as browser:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/api/page")
        found = page.evaluate("async () => (await import('/api/modules/use.js')).run()")
    assert found == [
        [[f"tick {number} é", "tick", number] for number in range(3)],
        "AbortError",
        ["größe.txt", "eggs"],
        422,
    ]


RECONNECT = """
import { getFeed } from "./client.js";

const sent: (string | null)[] = [];

/** Answer with a stream that breaks, one that ends, and then with 204. */
async function fetch(_: string, init: RequestInit): Promise<Response> {
  sent.push(new Headers(init.headers).get("Last-Event-ID"));
  const number = sent.length;
  if (number > 2) return new Response(null, { status: 204 });
  const pieces = [`retry: 1\\nid: é${number}\\ndata: a\\n\\ndata: b`];
  const body = new ReadableStream({
    pull(controller) {
      const piece = pieces.pop();
      if (piece !== undefined) controller.enqueue(new TextEncoder().encode(piece));
      else if (number === 1) controller.error(new TypeError("broken"));
      else controller.close();
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}

async function main(): Promise<void> {
  const ids: string[] = [];
  for await (const { id } of getFeed({ fetch, reconnect: true })) ids.push(id);
  const connections = sent.splice(0);
  let failure: unknown;
  try {
    for await (const { id } of getFeed({ fetch })) ids.push(id);
  } catch (error) {
    failure = error;
  }
  const away = getFeed({ fetch: () => Promise.reject(new TypeError("away")), reconnect: true });
  console.log(JSON.stringify([ids, connections, String(failure), await away.next().catch(String)]));
}
void main();
"""


def test_a_connection_that_breaks_is_made_again_only_with_reconnect(tsc: str, tmp_path: Path) -> None:
    feed_client(tmp_path, {})
    compile_use(tsc, tmp_path, RECONNECT)
    ids, connections, failure, away = json.loads(run_use(tmp_path))
    assert ids == ["é1", "é2", "é1"]
    # A header field's bytes, which JavaScript has as Latin-1, are UTF-8.
    assert connections == [None, *("é1é2"[i : i + 2].encode().decode("latin-1") for i in (0, 2))]
    assert (failure, away) == ("TypeError: broken", "TypeError: away")


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
    write_client(tmp_path, root)
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


# -- the documentation

PAGE = PROJECT / "docs" / "clients.md"
EXAMPLES = re.findall(r"^```ts\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_page_compile(tsc: str, tmp_path: Path) -> None:
    (shown,) = [shown for shown in SHOWN if shown.page == "docs/clients.md"]
    write_clients(shown, project(tmp_path, shown.files))
    assert EXAMPLES
    for number, example in enumerate(EXAMPLES):
        (tmp_path / f"example{number}.ts").write_text(example, encoding="utf-8")
        assert compile_file(tsc, tmp_path, f"example{number}.ts") == ""
