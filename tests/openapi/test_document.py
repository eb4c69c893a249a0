"""The OpenAPI document: of routes, annotations, docstrings and limits, and valid."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from openapi_spec_validator import validate

from apiroutes import App, ProjectError, Request, Response, security_scheme
from apiroutes.cli import main
from tests.support import HELLO, call, project

FILES = {
    "pages/api/users/index.py": """
        '''Users.'''
        import dataclasses, enum
        import msgspec

        class Order(enum.Enum):
            name = "name"
            age = "age"

        class User(msgspec.Struct):
            name: str
            age: int = 0
            friends: "list[User]" = []

        responses = {"POST": {201: User}, 409: "There is one of that name"}

        def GET(page: int = 1, order: Order = Order.name, tags: list[str] = []) -> list[User]:
            '''List users.

            Ten on a page.
            '''

        def POST(body: User) -> User:
            '''Add a user.'''
    """,
    "pages/api/users/[id].py": """
        import uuid
        from typing import Annotated
        import msgspec
        from apiroutes import json, text

        config = {"maxDuration": 5, "api": {"bodyParser": {"sizeLimit": "64kb"}}}

        class User(msgspec.Struct, rename="camel"):
            first_name: Annotated[str, msgspec.Meta(min_length=1)]

        class Search(msgspec.Struct):
            q: str
            limit: int = 10

        def GET(id: uuid.UUID, query: Search) -> User | None:
            '''One user.

            Raises 404 when there is none.
            '''

        def PATCH(id: int, body: User | None): ...
        def DELETE(params, res): ...
    """,
    "pages/api/files/[...path].py": """
        from apiroutes import UploadFile
        def GET(path: list[str]) -> bytes: ...
        def POST(path: list[str], one: UploadFile, more: list[UploadFile] = []) -> str: ...
    """,
    "pages/api/docs/[[...path]].py": "def GET(path: list[str]): ...\n",
    "pages/api/hello.py": '"""Says hello."""\n' + HELLO,
    "pages/api/with-dash/x_y.py": "def GET(): ...\n",
    "pages/api/with_dash/x-y.py": "def GET(): ...\n",
    "pages/api/index.py": "def GET(): ...\n",
    "pages/api/whole/typed.py": """
        import msgspec
        from apiroutes import Request
        class Told(msgspec.Struct):
            word: str
        def handler(req: Request[Told], res) -> str:
            '''Listens.'''
            return req.body.word
    """,
    "pages/api/whole/named.py": "responses = {'GET': {200: int}, 'PUT': {409: 'Other'}}\n" + HELLO,
    "pages/api/model.py": """
        import pydantic
        class Part(pydantic.BaseModel):
            weight: float
        class Thing(pydantic.BaseModel):
            parts: list[Part]
        def PUT(body: Thing) -> Thing: ...
    """,
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1.2"\n',
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {name: textwrap.dedent(source) for name, source in FILES.items()}
    return project(tmp_path_factory.mktemp("openapi"), files)


@pytest.fixture(scope="module")
def found(root: Path) -> dict[str, Any]:
    return json.loads(json.dumps(App(root).openapi()))  # type: ignore[no-any-return]


def resolved(found: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema["$ref"].removeprefix("#/components/schemas/")
    part: dict[str, Any] = found["components"]["schemas"][name]
    return part


def test_the_document_is_valid(found: dict[str, Any]) -> None:
    validate(found)


def test_it_is_the_same_in_every_build(root: Path, found: dict[str, Any]) -> None:
    assert App(root).openapi() == found


def test_title_and_version_are_the_projects(found: dict[str, Any]) -> None:
    assert found["info"] == {"title": "shop", "version": "1.2"}


def test_settings_say_another_title(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": HELLO}), title="Mine", version="3")
    assert app.openapi()["info"] == {"title": "Mine", "version": "3"}


def test_every_route_has_its_path(found: dict[str, Any]) -> None:
    assert sorted(found["paths"]) == [
        "/api",
        "/api/docs",
        "/api/docs/{path}",
        "/api/files/{path}",
        "/api/hello",
        "/api/model",
        "/api/users",
        "/api/users/{id}",
        "/api/whole/named",
        "/api/whole/typed",
        "/api/with-dash/x_y",
        "/api/with_dash/x-y",
    ]


def test_operations_have_names_that_say_what_they_are(found: dict[str, Any]) -> None:
    names = {
        (path, method): operation["operationId"]
        for path, item in found["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict)
    }
    assert names["/api/users", "get"] == "get_users"
    assert names["/api/users/{id}", "patch"] == "patch_users_by_id"
    assert names["/api", "get"] == "get_root"
    assert len(set(names.values())) == len(names)


def test_a_docstring_is_summary_and_description(found: dict[str, Any]) -> None:
    operation = found["paths"]["/api/users"]["get"]
    assert (operation["summary"], operation["description"]) == ("List users.", "Ten on a page.")
    assert operation["tags"] == ["users"]
    assert found["paths"]["/api/users"]["summary"] == "Users."


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/hello", {"get"}),
        ("/api/whole/typed", {"post"}),
        ("/api/whole/named", {"get", "put"}),
    ],
)
def test_a_handler_has_the_methods_that_it_means(found: dict[str, Any], path: str, methods: set[str]) -> None:
    item = found["paths"][path]
    assert {key for key, part in item.items() if isinstance(part, dict)} == methods
    assert item["description"] == "Answers every method."


def test_a_handler_is_described_as_a_method_is(found: dict[str, Any]) -> None:
    operation = found["paths"]["/api/whole/typed"]["post"]
    assert operation["summary"] == "Listens."
    assert "Told" in json.dumps(operation["requestBody"])
    named = found["paths"]["/api/whole/named"]
    assert named["get"]["responses"]["200"]["content"]["application/json"]["schema"] == {"type": "integer"}
    assert named["put"]["responses"]["409"]["description"] == "Other"


def test_parameters_are_described(found: dict[str, Any]) -> None:
    parameters = {each["name"]: each for each in found["paths"]["/api/users"]["get"]["parameters"]}
    assert parameters["page"] == {"name": "page", "in": "query", "schema": {"type": "integer", "default": 1}}
    assert resolved(found, parameters["order"]["schema"])["enum"] == ["age", "name"]
    assert parameters["tags"]["schema"]["items"] == {"type": "string"}


def test_a_whole_query_is_described_field_by_field(found: dict[str, Any]) -> None:
    parameters = {each["name"]: each for each in found["paths"]["/api/users/{id}"]["get"]["parameters"]}
    assert parameters["id"]["schema"] == {"type": "string", "format": "uuid"}
    assert (parameters["q"]["required"], "required" in parameters["limit"]) == (True, False)


def test_parameters_of_the_path_are_described_without_annotations(found: dict[str, Any]) -> None:
    [parameter] = found["paths"]["/api/users/{id}"]["delete"]["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("id", "path", True)
    assert parameter["schema"]["type"] == "string"


SEGMENTS = ["a", "a/b", "a b", "é", "...", "a..b", ".hidden", "100%"]
REFUSED = ["", ".", "..", "a/..", "../a", "a\\..", "./a", "a\n", "\x00", "\x7f", "\x85"]


@pytest.mark.parametrize("segment", [*SEGMENTS, *REFUSED])
def test_the_pattern_of_a_segment_is_what_is_taken(found: dict[str, Any], segment: str) -> None:
    [parameter] = found["paths"]["/api/users/{id}"]["delete"]["parameters"]
    pattern = re.compile(parameter["schema"]["pattern"].replace("$)", r"\Z)"))
    assert (pattern.fullmatch(segment) is not None) is (segment in SEGMENTS)


def test_a_body_is_described_with_its_limit(found: dict[str, Any]) -> None:
    body = found["paths"]["/api/users/{id}"]["patch"]["requestBody"]
    assert body["description"] == "At most 64kb."
    [schema, _] = body["content"]["application/json"]["schema"]["anyOf"]
    assert resolved(found, schema)["properties"] == {"firstName": {"type": "string", "minLength": 1}}


def test_schemas_of_one_name_are_told_apart(found: dict[str, Any]) -> None:
    names = list(found["components"]["schemas"])
    assert len([name for name in names if "User" in name]) == 2
    assert not [name for name in names if "apiroutes" in name]


def test_uploads_are_described(found: dict[str, Any]) -> None:
    schema = found["paths"]["/api/files/{path}"]["post"]["requestBody"]["content"]["multipart/form-data"][
        "schema"
    ]
    assert schema["properties"]["one"] == {
        "type": "string",
        "format": "binary",
        "contentMediaType": "application/octet-stream",
    }
    assert (schema["properties"]["more"]["type"], schema["required"]) == ("array", ["one"])


def test_answers_are_described(found: dict[str, Any]) -> None:
    users = found["paths"]["/api/users"]
    assert users["get"]["responses"].keys() == {"200", "409", "422", "default"}
    assert users["post"]["responses"].keys() == {"200", "201", "409", "413", "422", "default"}
    user = found["paths"]["/api/users/{id}"]
    assert user["get"]["responses"].keys() == {"200", "404", "422", "504", "default"}
    assert user["get"]["responses"]["404"]["description"] == "When there is none"
    assert user["patch"]["responses"].keys() == {"200", "413", "422", "504", "default"}
    assert "text/plain" in found["paths"]["/api/files/{path}"]["post"]["responses"]["200"]["content"]


def test_pydantic_models_are_described(found: dict[str, Any]) -> None:
    body = found["paths"]["/api/model"]["put"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/Thing"}
    assert resolved(found, body)["properties"]["parts"]["items"] == {"$ref": "#/components/schemas/Part"}
    assert "weight" in resolved(found, {"$ref": "#/components/schemas/Part"})["properties"]


PYDANTIC = """
import datetime, dataclasses
import msgspec, pydantic
from pydantic.alias_generators import to_camel

class Base(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=to_camel, populate_by_name=True)

class Same(Base):
    first_name: str

class User(Base):
    full_name: str
    secret: str = pydantic.Field(exclude=True)
    same: Same | None = None

    @pydantic.computed_field
    @property
    def shout(self) -> str: return self.full_name.upper()

class Other(msgspec.Struct):
    number: int

@dataclasses.dataclass
class Page:
    users: list[User]

"""
SENT = {"fullName", "same", "shout"}
TAKEN = {"fullName", "same", "secret"}


def pydantic_document(root: Path, *sources: str) -> dict[str, Any]:
    files = {f"pages/api/{name}.py": PYDANTIC + source for name, source in zip("abc", sources)}
    found: dict[str, Any] = App(project(root, files)).openapi()
    validate(found)
    return found


def properties(found: dict[str, Any], name: str) -> set[str]:
    return set(found["components"]["schemas"][name]["properties"])


@pytest.mark.parametrize("annotation", ["User", "list[User]", "User | None", "dict[str, User]", "Page"])
def test_a_pydantic_model_is_described_as_it_is_sent(tmp_path: Path, annotation: str) -> None:
    found = pydantic_document(tmp_path, f"def GET() -> {annotation}: ...")
    assert properties(found, "User") == SENT


@pytest.mark.parametrize("annotation", ["User", "list[User]", "User | None", "dict[str, User]", "Page"])
def test_a_pydantic_model_is_described_as_it_is_taken(tmp_path: Path, annotation: str) -> None:
    found = pydantic_document(tmp_path, f"def POST(body: {annotation}): ...")
    assert properties(found, "User") == TAKEN


def test_a_pydantic_model_that_differs_has_two_names(tmp_path: Path) -> None:
    found = pydantic_document(tmp_path, "def PUT(body: User) -> User: ...")
    names = set(found["components"]["schemas"])
    assert names == {"User_Input", "User_Output", "Same", "Problem"}
    assert (properties(found, "User_Input"), properties(found, "User_Output")) == (TAKEN, SENT)


def test_a_tuple_has_its_length_and_no_items_that_are_false(tmp_path: Path) -> None:
    source = "def GET() -> tuple[int, str]: ..."
    answer = App(project(tmp_path, {"pages/api/x.py": source})).openapi()["paths"]["/api/x"]["get"]
    assert answer["responses"]["200"]["content"]["application/json"]["schema"] == {
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "prefixItems": [{"type": "integer"}, {"type": "string"}],
    }


def test_a_parameter_may_have_a_description(tmp_path: Path) -> None:
    source = (
        "import msgspec\nfrom typing import Annotated\n"
        "def GET(page: Annotated[int, msgspec.Meta(ge=1, description='The page.')] = 1): ..."
    )
    operation = App(project(tmp_path, {"pages/api/x.py": source})).openapi()["paths"]["/api/x"]["get"]
    [parameter] = operation["parameters"]
    assert parameter["schema"] == {"type": "integer", "minimum": 1, "description": "The page.", "default": 1}


def test_types_of_one_name_of_two_libraries_are_two(tmp_path: Path) -> None:
    clash = "class Other(pydantic.BaseModel):\n    word: str\ndef GET() -> Other: ..."
    found = pydantic_document(tmp_path, "def GET() -> Other: ...", clash)
    schemas = {
        path: resolved(found, item["get"]["responses"]["200"]["content"]["application/json"]["schema"])
        for path, item in found["paths"].items()
    }
    assert set(schemas["/api/a"]["properties"]) == {"number"}
    assert set(schemas["/api/b"]["properties"]) == {"word"}


def test_models_of_one_name_have_short_names(tmp_path: Path) -> None:
    other = "class User(Base):\n    number: int\ndef GET() -> User: ..."
    found = pydantic_document(tmp_path, "def GET() -> User: ...", other)
    assert set(found["components"]["schemas"]) == {"a_User", "b_User", "Same", "Problem"}


# -- what credentials it asks for

BEARER = "security_scheme('token', {'type': 'http', 'scheme': 'bearer'})"
KEY = "security_scheme('key', {'type': 'apiKey', 'in': 'header', 'name': 'X-Key'})"
OAUTH = "security_scheme('oauth', {'type': 'openIdConnect', 'openIdConnectUrl': '/oidc'}, scopes=['%s'])"
CHECK = "def check(req, res, next): next()\n"
IMPORTS = "from apiroutes import security_scheme, use\n"


def operation_of(root: Path, files: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The operation GET /api/a/x, and the security schemes."""
    files = {"pages/api/a/x.py": "def GET(): ...\n", **files}
    found = App(project(root, {name: IMPORTS + source for name, source in files.items()})).openapi()
    validate(found)
    return found["paths"]["/api/a/x"]["get"], found["components"].get("securitySchemes", {})


DECLARED: list[tuple[dict[str, str], Any]] = [
    ({}, None),
    ({"pages/api/a/_middleware.py": f"@{BEARER}\n" + CHECK + "middleware = check"}, [{"token": []}]),
    ({"pages/api/b/_middleware.py": f"@{BEARER}\n" + CHECK + "middleware = check"}, None),
    ({"pages/api/a/x.py": f"@{KEY}\n" + CHECK + "middleware = [check]\ndef GET(): ..."}, [{"key": []}]),
    ({"pages/api/a/x.py": f"@{KEY}\n" + CHECK + "@use(check)\ndef GET(): ..."}, [{"key": []}]),
    ({"pages/api/a/x.py": f"@{KEY}\ndef GET(): ..."}, [{"key": []}]),
    ({"pages/api/a/x.py": f"@{KEY}\ndef PUT(): ...\ndef GET(): ..."}, None),
    ({"pages/api/a/x.py": f"@{KEY}\n@{BEARER}\ndef GET(): ..."}, [{"key": []}, {"token": []}]),
    (
        {
            "pages/api/_middleware.py": f"@{BEARER}\n@{KEY}\n" + CHECK + "middleware = check",
            "pages/api/a/x.py": f"@{OAUTH % 'read'}\n" + CHECK + "@use(check)\ndef GET(): ...",
        },
        [{"token": [], "oauth": ["read"]}, {"key": [], "oauth": ["read"]}],
    ),
    (
        {
            "pages/api/_middleware.py": f"@{OAUTH % 'read'}\n" + CHECK + "middleware = check",
            "pages/api/a/x.py": f"@{OAUTH % 'write'}\ndef GET(): ...",
        },
        [{"oauth": ["read", "write"]}],
    ),
    (
        {"pages/api/_middleware.py": f"@{KEY}\nclass Check:\n  def __call__(*_): ...\nmiddleware = Check()"},
        [{"key": []}],
    ),
]


@pytest.mark.parametrize(("files", "security"), DECLARED)
def test_what_a_route_asks_for_is_that_of_every_step(
    tmp_path: Path, files: dict[str, str], security: Any
) -> None:
    operation, schemes = operation_of(tmp_path, files)
    assert operation.get("security") == security
    assert ("401" in operation["responses"]) is (security is not None)
    assert {name for each in security or () for name in each} <= schemes.keys()


def test_middleware_of_everything_is_said_of_every_route(tmp_path: Path) -> None:
    @security_scheme("token", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    def check(req: Request, res: Response, next: Any) -> None: ...

    operation, _ = operation_of(tmp_path, {})
    assert "security" not in operation
    found = App(tmp_path, middleware=[check]).openapi()
    assert found["paths"]["/api/a/x"]["get"]["security"] == [{"token": []}]
    schemes = found["components"]["securitySchemes"]
    assert schemes == {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}


def test_two_schemes_of_one_name_stop_the_start(tmp_path: Path) -> None:
    other = BEARER.replace("bearer", "basic")
    source = f"@{BEARER}\ndef GET(): ...\n@{other}\ndef PUT(): ...\n"
    with pytest.raises(ProjectError, match="security scheme 'token' is not the same for `GET` and `PUT`"):
        operation_of(tmp_path, {"pages/api/a/x.py": source})


WRONG_SCHEMES = [
    ("a b", {"type": "mutualTLS"}, "a name may have letters"),
    ("a", {}, "'type' must be one of 'http', 'apiKey'"),
    ("a", {"type": "basic"}, "'type' must be one of"),
    ("a", {"type": ["http"]}, "'type' must be one of"),
    ("a", {"type": "http"}, "'http' needs 'scheme'"),
    ("a", {"type": "apiKey", "name": "k"}, "'apiKey' needs 'in'"),
    ("a", {"type": "apiKey", "name": "k", "in": "body"}, "'in' must be one of 'header', 'query', 'cookie'"),
    ("a", {"type": "oauth2", "flows": "implicit"}, "'oauth2' needs 'flows'"),
    ("a", {"type": "openIdConnect"}, "needs 'openIdConnectUrl'"),
]


@pytest.mark.parametrize(("name", "scheme", "said"), WRONG_SCHEMES)
def test_a_scheme_that_openapi_does_not_know_is_refused(name: str, scheme: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        security_scheme(name, scheme)


# -- where it is


def test_it_is_served_where_the_setting_says(root: Path, found: dict[str, Any]) -> None:
    app = App(root, openapi_path="/api/openapi.json")
    answer = call(app, target="/api/openapi.json")
    assert (answer.status, answer.header("Content-Type"), answer.json()) == (200, "application/json", found)
    etag = [("If-None-Match", answer.header("ETag") or "")]
    assert call(app, target="/api/openapi.json", headers=etag).status == 304
    assert call(app, "POST", "/api/openapi.json").status == 405


def test_it_is_not_served_by_default(root: Path) -> None:
    assert call(App(root), target="/api/openapi.json").status == 404


def test_a_path_that_a_file_answers_is_refused(root: Path) -> None:
    with pytest.raises(ProjectError, match=r"hello\.py answers /api/hello too"):
        App(root, openapi_path="/api/hello")


def test_the_command_prints_it(root: Path, found: dict[str, Any]) -> None:
    done = CliRunner().invoke(main, ["openapi", "--root", str(root)])
    assert (done.exit_code, json.loads(done.output)) == (0, found)


def test_the_command_writes_yaml(root: Path, found: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "openapi.yaml"
    done = CliRunner().invoke(main, ["openapi", "--root", str(root), "--yaml", "-o", str(file)])
    assert (done.exit_code, yaml.safe_load(file.read_text())) == (0, found)


MISTAKES = [
    "responses = {99: 'x'}",
    "responses = {'404': 'x'}",
    "responses = {404: object()}",
    "responses = {'GET': {9: 'x'}}",
    "responses = {'GETS': {}}",
]


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_in_responses_stops_the_start(tmp_path: Path, line: str) -> None:
    with pytest.raises(ProjectError, match="`responses`"):
        App(project(tmp_path, {"pages/api/x.py": HELLO + line}))
