"""The reference: it is what the code makes, and nothing public is without a description."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest

import tools.reference.documents
from apiroutes import Request
from apiroutes.cli import main as main_command
from apiroutes.handlers import cache_config, config, rate_limit_config
from apiroutes.handlers.config_items import Key
from apiroutes.project import instrumentation
from apiroutes.settings import Settings
from apiroutes.sizes import Size
from tools.reference import environment
from tools.reference.__main__ import main
from tools.reference.command_tables import command_tables
from tools.reference.documents import ROOT, documents
from tools.reference.exports import exports_page
from tools.reference.header_names import header_names
from tools.reference.headers import Use, check_uses
from tools.reference.markdown import prose, slug, summary, table
from tools.reference.names import class_section, function_section
from tools.reference.pages import public_names, summaries
from tools.reference.record_sites import Record, records
from tools.reference.regions import filled
from tools.reference.settings_tables import settings_tables, written_default
from tools.reference.source import Undescribed, described, module_of, shown_type, source_of


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return documents()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a module of a text, and returns it."""

    def make(text: str) -> Any:
        (tmp_path / "described.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(importlib.import_module("sys").modules, "described", raising=False)
        importlib.invalidate_caches()
        module_of.cache_clear()
        return importlib.import_module("described")

    return make


# -- what is there is what the code makes


def test_the_reference_is_what_the_code_makes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_a_changed_docstring_is_a_difference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docstring = source_of(Request).members["body"].docstring
    monkeypatch.setattr(docstring, "value", "Something else.")
    assert main(["--check"]) == 1
    printed = capsys.readouterr()
    assert "+| `req.body` | `Any` | Something else. |" in printed.out
    assert "run `make reference`" in printed.err


def test_a_changed_setting_is_a_difference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(source_of(Settings).members["docs"].docstring, "value", "Something else.")
    assert main(["--check"]) == 1
    assert "+| `docs` | not set | Something else. |" in capsys.readouterr().out


def test_what_was_written_by_hand_is_a_difference_until_it_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in made:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    for module in (tools.reference.documents, importlib.import_module("tools.reference.__main__")):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    page, left = tmp_path / "docs/reference/request.md", tmp_path / "docs/reference/old.md"
    page.write_text(page.read_text(encoding="utf-8") + "By hand.\n", encoding="utf-8")
    left.write_text("# Old\n", encoding="utf-8")
    assert main(["--check"]) == 1
    assert {"-By hand.", "-# Old"} <= {*capsys.readouterr().out.splitlines()}
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert not left.exists()


# -- nothing is without a description


def test_every_public_name_has_a_place_on_a_page(made: dict[str, str]) -> None:
    for (_, name), place in public_names().items():
        page, _, anchor = place.partition("#")
        headings = re.findall(r"^#+ (.+)$", made[f"docs/reference/{page}"], re.MULTILINE)
        assert (anchor or slug(name)) in map(slug, headings), place


def test_every_public_name_is_summed_up_in_the_index(made: dict[str, str]) -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\(\S+\) \| (\S.*) \|$", made["docs/reference/index.md"], re.MULTILINE)
    assert len(rows) == len(public_names()) == len([*summaries()])


def test_every_setting_is_in_one_table() -> None:
    rows = [row for table in settings_tables().values() for row in table.splitlines()[2:]]
    assert [row.split("`")[1] for row in rows] == [setting.name for setting in fields(Settings)]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "not set"),
        (True, "`true`"),
        ("", '`""`'),
        (5.0, "`5`"),
        (0.5, "`0.5`"),
        (Size(2**20, "1mb"), '`"1mb"`'),
        (("pages", "app"), '`["pages", "app"]`'),
    ],
)
def test_a_default_is_written_as_in_pyproject(value: object, written: str) -> None:
    assert written_default(value) == written


def test_the_meaning_of_a_setting_names_its_unit() -> None:
    for setting in fields(Settings):
        meaning = described(source_of(Settings).members[setting.name], setting.name).prose.lower()
        if "Size" in setting.type:
            assert "size" in meaning, setting.name
        elif "float" in setting.type or setting.name in ("timeout", "graceful_timeout", "keepalive"):
            assert "seconds" in meaning, setting.name


# What has no description, or the description of something else.
_TWO_ARGUMENTS = '"""Take.\n\n    Args:\n        one: A.\n        two: B.\n    """'
UNDESCRIBED = {
    "no docstring": "def f(): pass\n",
    "an empty docstring": 'def f():\n    ""\n',
    "an argument that nothing names": 'def f(one, two):\n    """Take `one`."""\n',
    "an argument that is not taken": f"def f(one):\n    {_TWO_ARGUMENTS}\n",
    "a section that is not read": 'def f():\n    """Take.\n\n    Yields:\n        int: A.\n    """\n',
}


@pytest.mark.parametrize("text", UNDESCRIBED.values(), ids=UNDESCRIBED)
def test_what_is_not_described_is_refused(text: str, source: Any) -> None:
    with pytest.raises(Undescribed):
        function_section("f", source(text).f)


def test_an_attribute_without_a_docstring_is_refused(source: Any) -> None:
    module = source('class C:\n    """A class."""\n\n    value: int = 1\n')
    with pytest.raises(Undescribed, match="value"):
        class_section("C", module.C, constructor=False)


# -- log records

LOGGER = 'import logging\n_log = logging.getLogger("shop")\n'


def recorded(tmp_path: Path, text: str) -> list[Record]:
    """The records that a package with one file makes."""
    (tmp_path / "file.py").write_text(LOGGER + text)
    return records(tmp_path)


def test_a_record_is_what_its_call_and_its_comment_say(tmp_path: Path) -> None:
    text = (
        "_MESSAGE = 'no %s, ' + 'no %s'\n"
        "def f(request, error):\n"
        "    # A reason.\n"
        "    # Record: Something is\n"
        "    # missing.\n"
        "    _log.warning(_MESSAGE, 1, 2, exc_info=error)\n"
        "    level = logging.INFO if error else logging.ERROR\n"
        "    # Record: It has ended.\n"
        "    log_of_request(level, request, f'ended {error}')\n"
    )
    first, second = recorded(tmp_path, text)
    assert first == ("file.py", 8, "shop", "WARNING", "no %s, no %s", "Something is missing.", False, True)
    assert second == (
        *("file.py", 11, "apiroutes", "INFO or ERROR", "METHOD ROUTE [ID]: ended %s", "It has ended.", True),
        False,
    )


def test_a_comment_may_say_what_the_call_does_not_show(tmp_path: Path) -> None:
    text = (
        '# Record INFO "FILE:LINE %s": It is so.\n_log.info(text())\n'
        '# Record shop.access INFO "a=…": Each.\nwrite()\n'
    )
    assert [record[2:6] for record in recorded(tmp_path, text)] == [
        ("shop", "INFO", "FILE:LINE %s", "It is so."),
        ("shop.access", "INFO", "a=…", "Each."),
    ]


@pytest.mark.parametrize(
    "text",
    [
        '_log.info("x")\n',
        '# Record: A.\nlog("x")\n',
        "# Record: A.\n_log.info(text)\n",
        '# Record: A.\nlog.info("x")\n',
    ],
    ids=["no comment", "no call", "an unknown text", "an unknown logger"],
)
def test_a_record_that_is_not_described_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(Undescribed, match=r"file\.py:3|file\.py:4"):
        recorded(tmp_path, text)


# -- headers


def test_names_of_headers_are_found_in_the_source(tmp_path: Path) -> None:
    text = (
        '__all__ = ["RateLimit"]\nset("X-Shop", "Vary", "shop-name")\nread["HTTP_X_HUB"], ["CONTENT_TYPE"]\n'
    )
    (tmp_path / "file.py").write_text(text)
    assert header_names(tmp_path) == {
        name: {"file.py"} for name in ("x-shop", "vary", "x-hub", "content-type")
    }


def test_each_header_of_the_source_needs_a_row_for_its_file() -> None:
    use = Use("X-Shop", ["shop/"], "Always.")
    check_uses([use], {"x-shop": {"shop/a.py"}})
    for found in ({"x-shop": {"shop/a.py", "b.py"}}, {"x-shop": {"shop/a.py"}, "x-more": {"shop/a.py"}}, {}):
        with pytest.raises(Undescribed):
            check_uses([use], found)


# -- commands, exports and variables


def test_every_option_is_in_the_table_of_its_command() -> None:
    tables = command_tables()
    for path, command in commands(main_command):
        options = {name for parameter in command.params for name in parameter.opts if name.startswith("-")}
        listed = {*re.findall(r"`(--?[\w-]+)`", tables.get(f"options {path}", ""))}
        assert listed >= options - {"--root"}, path


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """All commands below a group that are no groups, with their names."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def test_the_tables_of_commands_say_what_click_says(monkeypatch: pytest.MonkeyPatch) -> None:
    start = main_command.commands["start"]
    server = next(parameter for parameter in start.params if parameter.name == "server")
    monkeypatch.setattr(server, "help", "Another | server.")
    row = "| `--server` | `gunicorn` | `gunicorn`, `granian` or `uvicorn`. Another \\| server. |"
    assert row in command_tables()["options start"]
    monkeypatch.setattr(server, "help", None)
    with pytest.raises(Undescribed, match="--server"):
        command_tables()


@pytest.mark.parametrize(
    "module", [config, cache_config, rate_limit_config], ids=lambda module: module.__name__
)
def test_every_key_of_config_has_a_meaning(module: Any) -> None:
    assert all(key.meaning.endswith(".") for key in module.KEYS.values())


def test_a_new_key_of_config_is_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = exports_page()
    monkeypatch.setattr(cache_config, "KEYS", {**cache_config.KEYS, "more": Key("1", "More | less.")})
    assert "| `more` | 1 | More \\| less. |" in exports_page()
    assert "`more`" not in shown


def test_an_export_or_variable_without_a_row_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instrumentation, "_OTHER_NAMES", {**instrumentation._OTHER_NAMES, "more": ()})
    with pytest.raises(Undescribed, match="exports"):
        exports_page()
    monkeypatch.setattr(environment, "VARIABLES", {**environment.VARIABLES, "MORE": "Nothing."})
    with pytest.raises(Undescribed, match="MORE"):
        environment.environment_page()


def test_the_variables_are_those_that_the_package_looks_for() -> None:
    assert {"PORT", "NO_COLOR", "FORCE_COLOR", "WEB_CONCURRENCY"} <= environment.looked_up_variables()


# -- how it is laid out


def test_a_function_is_a_heading_a_signature_and_a_table_of_its_arguments(source: Any) -> None:
    text = (
        "from typing import Literal, Union\n\n"
        "_Name = Union[str, None]\n"
        "_LIMIT = 60 * 60\n\n"
        "def f(\n"
        "    first: int, /, *more: _Name, mode: Literal['a', 'b'] = 'a', limit: float = _LIMIT,\n"
        ") -> 'list[_Name]':\n"
        '    """Take `first` | more, *or* less; see [Time](time.md#streams).\n\n'
        "    Args:\n"
        "        mode: One | other.\n"
        '        limit: In seconds.\n    """\n'
    )
    assert function_section("f", source(text).f) == (
        "## `f`\n\n"
        "```python\n"
        "def f(\n"
        "    first: int,\n"
        "    /,\n"
        "    *more: str | None,\n"
        '    mode: Literal["a", "b"] = "a",\n'
        "    limit: float = 3600,\n"
        ") -> list[str | None]: ...\n"
        "```\n\n"
        "Take `first` | more, \\*or\\* less; see [Time](../time.md#streams).\n\n"
        "| argument | default | meaning |\n"
        "|---|---|---|\n"
        '| `mode` | `"a"` | One \\| other. |\n'
        "| `limit` | `3600` | In seconds. |"
    )


def test_the_type_of_a_size_is_not_an_alias() -> None:
    assert shown_type("Size | None", Size.__module__) == "Size | None"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("`*` and * and <b>", "`*` and \\* and \\<b>"),
        (
            "[a](b.md), [c](https://example.com/x), [d](#e)",
            "[a](../b.md), [c](https://example.com/x), [d](#e)",
        ),
        ('a "value", and "several words"', 'a `"value"`, and "several words"'),
        ("snake_case, _private", "snake_case, \\_private"),
    ],
)
def test_prose_is_escaped_but_for_code_and_links(text: str, written: str) -> None:
    assert prose(text, "../") == written


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One. Two.", "One."),
        ("It is `a.b` here. More.", "It is `a.b` here."),
        ("Version 1.2 is new.\n\nMore.", "Version 1.2 is new."),
        ("No end", "No end"),
    ],
)
def test_a_summary_is_the_first_sentence(text: str, first: str) -> None:
    assert summary(text) == first


def test_a_cell_is_on_one_line_with_its_pipes_escaped() -> None:
    assert table(["a", "b"], [("x\ny", "`1 | 2`")]) == "| a | b |\n|---|---|\n| x y | `1 \\| 2` |"


# -- regions

REGION = "Before\n<!-- generated: a -->\nold\n<!-- end -->\nAfter\n"


def test_a_region_is_filled_and_the_rest_of_its_page_stays() -> None:
    once = filled("page", REGION, {"a": "new"})
    assert once == "Before\n<!-- generated: a -->\n\nnew\n\n<!-- end -->\nAfter\n"
    assert filled("page", once, {"a": "new"}) == once


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        (REGION, {}),
        (REGION, {"a": "", "b": ""}),
        (REGION * 2, {"a": ""}),
        (REGION.replace("<!-- end -->\n", ""), {"a": ""}),
    ],
    ids=["unknown", "missing", "twice", "without an end"],
)
def test_a_wrong_region_is_an_error(text: str, regions: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="page"):
        filled("page", text, regions)
