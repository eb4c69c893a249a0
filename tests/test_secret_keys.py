"""The secret key: which are refused, who needs one, and that none is ever shown."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import multiprocessing
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apiroutes import App, ProjectError, Settings
from apiroutes.cli import main
from apiroutes.errors import report
from apiroutes.secret_keys import SecretKeys, hide_secrets, new_secret_key
from tests.start_reports import problems_of
from tests.support import HELLO, app_of, call, project

GOOD = "Zk3v9QpLr7Xw2Bn5Tc8Hd1Fg4Jm6Ys0A"
OTHER = "b1946ac92492d2347c6235b4d2611184"

SIGNING = """
import hashlib, hmac
from apiroutes import needs_secret_key

@needs_secret_key
def signed(req, res, next):
    first, *others = req.secret_keys.reveal()
    res.set_header("X-Signature", hmac.new(first.encode(), b"x", hashlib.sha256).hexdigest())
    res.set_header("X-Others", str(len(others)))
    next()
"""
MARK = "from apiroutes import needs_secret_key\n"
GET_WITH_KEY = """
from typing import Annotated, Any
from apiroutes import Depends
def GET(one: Annotated[Any, Depends(key)]): return 1
"""
# A dependency of a dependency.
DEPENDENCY = (
    MARK
    + """
from typing import Annotated
from apiroutes import Depends
from itsdangerous import URLSafeTimedSerializer

@needs_secret_key
def signature(req):
    return URLSafeTimedSerializer([*reversed(req.secret_keys.reveal())], salt="test")

def signed(signature: Annotated[URLSafeTimedSerializer, Depends(signature)]):
    return signature

def GET(req, signer: Annotated[URLSafeTimedSerializer, Depends(signed)]):
    token = req.query.get("token")
    return signer.loads(token) if token else signer.dumps("hello")
"""
)
MIDDLEWARE = {"middleware.py": SIGNING + "middleware = signed\n", "pages/api/x.py": HELLO}


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APIROUTES_SECRET_KEY", raising=False)


# -- values

VALUES: list[tuple[Any, tuple[str, ...]]] = [
    (GOOD, (GOOD,)),
    ([GOOD, OTHER], (GOOD, OTHER)),
    ((GOOD,), (GOOD,)),
    # Only a variable of the environment has commas between keys.
    (f"{GOOD}, {OTHER}", (f"{GOOD}, {OTHER}",)),
    (SecretKeys([GOOD]), (GOOD,)),
    ("correct-horse-battery-staple-and-tree", ("correct-horse-battery-staple-and-tree",)),
    # Words of placeholders are no harm beside enough other characters.
    (f"secret-{OTHER}", (f"secret-{OTHER}",)),
]


@pytest.mark.parametrize(("value", "keys"), VALUES)
def test_a_key_is_taken_as_a_text_or_a_list(tmp_path: Path, value: Any, keys: tuple[str, ...]) -> None:
    settings = app_of(tmp_path, HELLO, secret_key=value).settings
    assert settings.secret_key is not None
    assert settings.secret_key.reveal() == keys


def test_the_environment_separates_keys_by_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIROUTES_SECRET_KEY", f"{GOOD},{OTHER}")
    keys = app_of(tmp_path, HELLO).settings.secret_key
    assert keys is not None
    assert keys.reveal() == (GOOD, OTHER)


def test_there_is_no_key_unless_one_is_set(tmp_path: Path) -> None:
    assert app_of(tmp_path, HELLO).settings.secret_key is None


WEAK: list[tuple[Any, str]] = [
    ("hunter2hunter", "the key has fewer than 32 characters"),
    ("changeme", "the key is a placeholder"),
    ("secret", "the key is a placeholder"),
    ("your-secret-key-change-me-in-production", "the key is a placeholder"),
    ("django-insecure-change-this-secret", "the key is a placeholder"),
    ("super-secret-key-that-you-should-change", "the key is a placeholder"),
    ("please_change_this_to_something_long_in_production", "the key is a placeholder"),
    ("django-insecure-" + GOOD + OTHER, "the key is a placeholder"),
    ("ab" * 20, "the key repeats itself"),
    ("hunter2hunter" * 3, "the key repeats itself"),
    ("0123456789abcdef" * 2, "the key repeats itself"),
    (f"{GOOD}\n{OTHER}", "the key has a control character"),
    ([GOOD, "hunter2"], "key 2 of 2 has fewer than 32 characters"),
    ([GOOD, ""], "key 2 of 2 is empty"),
    ("", "the key is empty"),
    ([], "the list is empty"),
    (20_251_129_1234, "neither a string nor a list of strings"),
    ([b"hunter2"], "neither a string nor a list of strings"),
]


@pytest.mark.parametrize(("value", "message"), WEAK)
def test_a_weak_key_is_refused(tmp_path: Path, value: Any, message: str) -> None:
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": HELLO}, secret_key=value)
    assert message in problem.message
    assert problem.remedy == "Set what `apiroutes secret` prints, or leave it out."


# -- what shows no key

WEAK_KEY = "hunter2-xyzzy"
TABLE = "[tool.apiroutes]\n"
PLACES = [
    {"pyproject.toml": f"{TABLE}secret_key = '{WEAK_KEY}'\n"},
    {"pyproject.toml": f'{TABLE}secret_key = ["{GOOD}", "{WEAK_KEY}"] # {WEAK_KEY[:0]}\n'},
    {"pyproject.toml": f'{TABLE}secret_key = """\n{WEAK_KEY}"""\n'},
    {"pyproject.toml": f"{TABLE}secret_keys = '{WEAK_KEY}'\n"},
    {"pyproject.toml": f"{TABLE}secert_key = '{WEAK_KEY}'\n"},
    {"pyproject.toml": f"{TABLE}SECRET_KEY = '{WEAK_KEY}'\n"},
    {"pyproject.toml": f"{TABLE}secret_key = '{WEAK_KEY}\nport = 1\n"},
    {"pyproject.toml": f"{TABLE}secret_key = [\n  '{WEAK_KEY}\n]\n"},
    {"pyproject.toml": f"tool = {{apiroutes = {{port = 'x', secret_key = '{WEAK_KEY}'}}}}\n"},
    {"pyproject.toml": f"[apiroutes]\nsecret_key = '{WEAK_KEY}'\n"},
    {".env": f"APIROUTES_SECRET_KEY={WEAK_KEY}\n"},
    {".env": f"APIROUTES_SECRET_KEYS={WEAK_KEY}\n"},
    {".env": f"APIROUTES_SECRET_KEY='{WEAK_KEY}\n"},
]


@pytest.mark.parametrize("files", PLACES, ids=lambda files: next(iter(files.values())))
@pytest.mark.parametrize("command", ["check", "routes"])
def test_a_refused_key_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], command: str
) -> None:
    for name in ("APIROUTES_SECRET_KEY", "APIROUTES_SECRET_KEYS"):  # a file's are taken back at the end
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    root = project(tmp_path, {"pages/api/x.py": HELLO, **files})
    result = CliRunner().invoke(main, [command, "--root", str(root)])
    assert result.exit_code == 1
    assert next(iter(files)) in result.output
    assert "hunter2" not in result.output
    assert "hunter2" not in str(result.exception)


@pytest.mark.parametrize("argument", ["secret_key='hunter2-xyzzy'", "prot=1, secret_key='hunter2-xyzzy'"])
def test_a_refused_argument_is_not_shown(tmp_path: Path, argument: str) -> None:
    source = f"from apiroutes import App\n\ndef make(root):\n    return App(root, {argument})\n"
    project(tmp_path, {"pages/api/x.py": HELLO, "site_app.py": source})
    module: dict[str, Any] = {}
    exec(compile(source, str(tmp_path / "site_app.py"), "exec"), module)
    with pytest.raises(ProjectError) as caught:
        module["make"](tmp_path)
    text = report(caught.value.problems)
    assert "site_app.py:4" in text
    assert "return App(root, " in text
    assert "hunter2" not in text


@pytest.mark.parametrize("show", [repr, str, "{}".format, dataclasses.asdict, dataclasses.astuple, vars])
def test_settings_show_no_key(tmp_path: Path, show: Any) -> None:
    settings = app_of(tmp_path, HELLO, secret_key=GOOD).settings
    shown = f"{show(settings)}"
    assert "SecretKeys(" in shown
    assert GOOD not in shown


@pytest.mark.parametrize("text", ["{}", "{!r}", "{!s:>40}", "{:>40}", "{!a}"])
def test_no_text_of_keys_shows_one(text: str) -> None:
    shown = text.format(SecretKeys([GOOD]))
    assert "SecretKeys(" in shown
    assert GOOD not in shown


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_same_keys(copied: Any) -> None:
    keys = SecretKeys([GOOD])
    assert copied(keys) == keys


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_keys_cannot_be_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Settings(secret_key=SecretKeys([GOOD])), protocol)


def test_keys_cannot_be_changed() -> None:
    keys = SecretKeys([GOOD])
    with pytest.raises(AttributeError, match="cannot be changed"):
        keys._keys = ()
    with pytest.raises(AttributeError):
        keys.other = ()
    with pytest.raises(AttributeError, match="cannot be changed"):
        del keys._keys


def test_keys_are_equal_if_all_of_them_are() -> None:
    assert SecretKeys([GOOD]) == SecretKeys([GOOD])
    assert hash(SecretKeys([GOOD])) == hash(SecretKeys([GOOD]))
    assert SecretKeys([GOOD]) != SecretKeys([GOOD, OTHER])
    assert SecretKeys([GOOD]) != GOOD


@pytest.mark.parametrize("mode", ["development", "production"])
def test_a_fault_shows_no_key(tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: str) -> None:
    source = (
        "def GET(req):\n    keys = req.secret_keys\n    raise ValueError(f'{keys!r} {keys} {vars(req)}')\n"
    )
    app = app_of(tmp_path, source, secret_key=GOOD, mode=mode)
    for accept in ("application/json", "text/html", "text/plain"):
        answer = call(app, headers=[("Accept", accept)])
        assert answer.status == 500
        assert GOOD not in answer.text
    assert GOOD not in caplog.text


@pytest.mark.parametrize("result", ["req.secret_keys", "{'keys': req.secret_keys}"])
def test_keys_are_no_value_for_json(tmp_path: Path, caplog: pytest.LogCaptureFixture, result: str) -> None:
    answer = call(app_of(tmp_path, f"def GET(req): return {result}\n", secret_key=GOOD))
    assert answer.status == 500
    assert GOOD not in caplog.text


def test_the_shell_shows_no_key(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": HELLO, ".env": f"APIROUTES_SECRET_KEY={GOOD}\n"})
    code = "print(settings, app.settings.secret_key)"
    shown = subprocess.run(
        [sys.executable, "-m", "apiroutes", "shell", "--root", str(root), "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "SecretKeys" in shown.stdout
    assert GOOD not in shown.stdout + shown.stderr


# -- who needs one

NEEDS = [
    ({**MIDDLEWARE}, "`signed` (around every route)"),
    ({"pages/api/x.py": SIGNING + "middleware = [signed]\n" + HELLO}, "`signed` (pages/api/x.py)"),
    (
        {
            "pages/api/a/_middleware.py": SIGNING + "middleware = signed\n",
            "pages/api/a/x.py": HELLO,
        },
        "`signed` (pages/api/a/_middleware.py)",
    ),
    (
        {"pages/api/x.py": SIGNING + "from apiroutes import use\n@use(signed)\ndef POST(): ...\n"},
        "`signed` (pages/api/x.py)",
    ),
    ({"pages/api/x.py": DEPENDENCY}, "`signature` (pages/api/x.py)"),
    (
        {
            "pages/api/a/_middleware.py": DEPENDENCY.partition("def GET")[0]
            + "dependencies = [Depends(signature)]\n",
            "pages/api/a/x.py": HELLO,
        },
        "`signature` (pages/api/a/x.py)",
    ),
    (
        {
            "pages/api/x.py": MARK
            + "@needs_secret_key\ndef GET(req): return req.secret_keys.reveal()[0][:0]\n"
        },
        "`GET` (pages/api/x.py)",
    ),
]


@pytest.mark.parametrize(("files", "user"), NEEDS)
def test_who_needs_a_key_and_has_none_cannot_start(tmp_path: Path, files: dict[str, str], user: str) -> None:
    (problem,) = problems_of(tmp_path, files)
    assert (problem.file, problem.source) == ("environment", "APIROUTES_SECRET_KEY")
    assert problem.message == f"APIROUTES_SECRET_KEY is not set, and {user} needs it."
    assert "Set it to what `apiroutes secret` prints." in problem.remedy
    assert not (tmp_path / ".apiroutes").exists()


def test_check_reports_it_too(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["check", "--root", str(project(tmp_path, MIDDLEWARE))])
    assert result.exit_code == 1
    assert "APIROUTES_SECRET_KEY is not set" in result.output


@pytest.mark.parametrize(
    "command",
    [
        ["routes"],
        ["routes", "/api/x"],
        ["routes", "--json"],
        ["openapi"],
        ["client", "--python"],
        ["client", "--typescript"],
    ],
)
@pytest.mark.parametrize("app_file", [None, "from apiroutes import App\napp = App()\n"])
def test_what_signs_nothing_needs_none(tmp_path: Path, command: list[str], app_file: str | None) -> None:
    root = project(tmp_path, MIDDLEWARE if app_file is None else {**MIDDLEWARE, "app.py": app_file})
    result = CliRunner().invoke(main, [*command, "--root", str(root)])
    assert (result.exit_code, "SECRET_KEY" in result.output) == (0, False)
    assert not (tmp_path / ".apiroutes").exists()


def test_all_who_need_it_are_one_problem(tmp_path: Path) -> None:
    source = SIGNING + "middleware = [signed]\n" + HELLO
    files = {f"pages/api/{name}.py": source for name in "abcde"}
    (problem,) = problems_of(tmp_path, files)
    assert problem.message.endswith("`signed` (pages/api/c.py) and others need it.")


def test_a_refused_key_is_not_missing_too(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, MIDDLEWARE, secret_key="changeme")
    assert "is a placeholder" in problem.message


def test_middleware_signs_with_the_first_key(tmp_path: Path) -> None:
    answers = [
        call(App(project(tmp_path, MIDDLEWARE), secret_key=keys)) for keys in ([GOOD, OTHER], [GOOD], [OTHER])
    ]
    signatures = [answer.header("X-Signature") for answer in answers]
    assert signatures[0] == signatures[1] != signatures[2]
    assert [answer.header("X-Others") for answer in answers] == ["1", "0", "0"]


def test_a_dependency_signs_with_the_first_key_and_verifies_with_all(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": DEPENDENCY})
    old, both, new = (App(root, secret_key=keys) for keys in ([OTHER], [GOOD, OTHER], [GOOD]))
    of_old, of_both = call(old).text, call(both).text
    assert [call(app, target=f"/api/x?token={of_old}").status for app in (both, new)] == [200, 500]
    assert [call(app, target=f"/api/x?token={of_both}").status for app in (old, new)] == [500, 200]


@pytest.mark.parametrize(
    "source",
    [
        "import functools\n@needs_secret_key\ndef k(a, req): return 1\nkey = functools.partial(k, 1)\n",
        "class Key:\n    @needs_secret_key\n    def __call__(self, req): return 1\n\nkey = Key()\n",
        "@needs_secret_key\nclass key:\n    pass\n",
    ],
    ids=["a partial", "an object", "a class"],
)
def test_what_is_no_function_can_need_it_too(tmp_path: Path, source: str) -> None:
    parts = MARK + source, GET_WITH_KEY
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": "".join(parts)})
    assert "APIROUTES_SECRET_KEY is not set" in problem.message


def test_without_the_mark_a_missing_key_is_told_with_the_remedy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert call(app_of(tmp_path, "def GET(req): return req.secret_keys\n")).status == 500
    assert "RuntimeError: no `secret_key` is set: put @needs_secret_key before the function" in caplog.text


def test_each_app_has_its_own_key(tmp_path: Path) -> None:
    root = project(tmp_path, MIDDLEWARE)
    first, second = App(root, secret_key=GOOD), App(root, secret_key=OTHER)
    assert call(first).header("X-Signature") != call(second).header("X-Signature")
    assert call(first).header("X-Signature") == call(App(root, secret_key=GOOD)).header("X-Signature")


def test_the_key_reaches_the_app_of_an_app_file(tmp_path: Path) -> None:
    from apiroutes import create_app

    files = {**MIDDLEWARE, "app.py": "from apiroutes import App\n\napp = App()\n"}
    app = create_app(str(project(tmp_path, files)), secret_key=SecretKeys([GOOD, OTHER]))
    assert app.settings.secret_key == SecretKeys([GOOD, OTHER])
    assert "APIROUTES_SECRET_KEY" not in os.environ


# -- in development


def test_development_makes_a_key_once_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "apiroutes")
    root = project(tmp_path, MIDDLEWARE)
    first, second = App(root, mode="development"), App(root, mode="development")
    assert first.settings.secret_key is not None
    assert first.settings.secret_key == second.settings.secret_key
    assert caplog.messages == [
        "no `secret_key` is set, so one was made for development, in .apiroutes/secret_key"
    ]
    assert call(first).header("X-Signature") == call(second).header("X-Signature")


def test_the_key_of_development_is_private(tmp_path: Path) -> None:
    App(project(tmp_path, MIDDLEWARE), mode="development")
    path = tmp_path / ".apiroutes/secret_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (tmp_path / ".apiroutes/.gitignore").read_text() == "*\n"
    assert sorted(os.listdir(path.parent)) == [".gitignore", "secret_key"]


def test_development_writes_nothing_unless_a_key_is_needed(tmp_path: Path) -> None:
    app_of(tmp_path, HELLO, mode="development")
    assert not (tmp_path / ".apiroutes").exists()


@pytest.mark.parametrize("content", ["", "short", "\udcff"])
def test_a_broken_file_is_replaced(tmp_path: Path, content: str) -> None:
    root = project(tmp_path, MIDDLEWARE)
    (root / ".apiroutes").mkdir()
    (root / ".apiroutes/secret_key").write_text(content, errors="surrogateescape")
    first, second = App(root, mode="development"), App(root, mode="development")
    assert first.settings.secret_key == second.settings.secret_key


def test_a_key_that_is_set_wins_in_development(tmp_path: Path) -> None:
    app = App(project(tmp_path, MIDDLEWARE), mode="development", secret_key=GOOD)
    assert app.settings.secret_key == SecretKeys([GOOD])
    assert not (tmp_path / ".apiroutes").exists()


def test_a_directory_that_cannot_be_written_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = project(tmp_path, {**MIDDLEWARE, ".apiroutes": "a file"})
    assert call(App(root, mode="development")).status == 200
    assert "none can be kept in .apiroutes/secret_key" in caplog.text


def _make_key(root: str, begin: Any, keys: Any) -> None:
    begin.wait()
    made = App(root, mode="development").settings.secret_key
    assert made is not None
    keys.put(made.reveal())


@pytest.mark.costly
def test_processes_that_make_a_key_at_once_have_the_same(tmp_path: Path) -> None:
    root = str(project(tmp_path, MIDDLEWARE))
    context = multiprocessing.get_context("spawn")
    begin, keys = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_make_key, args=(root, begin, keys)) for _ in range(4)]
    for process in processes:
        process.start()
    made = {keys.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
    assert len(made) == 1


# -- `apiroutes secret`


def test_secret_prints_a_key_and_nothing_else(tmp_path: Path) -> None:
    results = [CliRunner().invoke(main, ["secret"]) for _ in range(2)]
    assert [result.exit_code for result in results] == [0, 0]
    first, second = (result.stdout for result in results)
    assert first != second
    assert app_of(tmp_path, HELLO, secret_key=first.removesuffix("\n")).settings.secret_key is not None
    assert first.count("\n") == 1


def test_every_key_that_is_made_is_accepted(tmp_path: Path) -> None:
    keys = [new_secret_key() for _ in range(2000)]
    settings = app_of(tmp_path, HELLO, secret_key=keys).settings
    assert settings.secret_key is not None
    assert len(json.dumps(settings.secret_key.reveal())) > 2000 * 43


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("user = bearer('abc')", "user = bearer('••••••')"),
        ('user = bearer({"ci": "abc"}, realm="x")', 'user = bearer({"••••••": "••••••"}, realm="••••••")'),
        ("middleware = [basic({'ada': 'abc'})]", "middleware = [basic({'••••••': '••••••'})]"),
        (
            "user = api_key(['abc', 'def'], cookie='k')",
            "user = api_key(['••••••', '••••••'], cookie='••••••')",
        ),
        ('user = bearer(os.environ["TOKEN"])', 'user = bearer(os.environ["TOKEN"])'),
        (
            'user = bearer({"a": os.environ["A"], "b": "abc"})',
            'user = bearer({"a": os.environ["A"], "••••••": "••••••"})',
        ),
        ("user = bearer({'a' : getenv('A')})", "user = bearer({'a' : getenv('A')})"),
        ('user = bearer({"abc": "os.environ["})', 'user = bearer({"••••••": "••••••"})'),
        ("user = bearer({'abc': 'getenv(\\'A\\')'})", "user = bearer({'••••••': '••••••'})"),
        ("secret = os.environ.get('A', 'abc')", "secret = os.environ.get('A', '••••••')"),
        ("secret = getenv('A') or 'abc'", "secret = getenv('A') or '••••••'"),
        ("user = forbearer('abc')", "user = forbearer('abc')"),
    ],
)
def test_a_line_is_shown_without_what_steps_are_given(line: str, shown: str) -> None:
    assert hide_secrets(line) == shown
