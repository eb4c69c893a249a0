"""The line that gives a setting: exactly that one, or none."""

from __future__ import annotations

import pytest

from apiroutes.settings.lines import line_of_item, line_of_key, line_of_variable

KEYS = ("tool", "apiroutes", "port")
QUOTES = "'''"

# a document, and the line that gives tool.apiroutes.port
DOCUMENTS = {
    "[tool.apiroutes]\nport = 1\n": 2,
    "[tool.apiroutes]\n\n# port = 2\nhost = 'port = 3'\nport = 1 # port = 4\n": 5,
    f"[tool.apiroutes]\nhost = {QUOTES}\nport = 2\n{QUOTES}\nport = 1\n": 5,
    '[tool.apiroutes]\nhost = """\n[tool.apiroutes]\nport = 2 \\"""\n"""\nport = 1\n': 6,
    "[tool]\napiroutes.port = 1\n": 2,
    "[tool]\napiroutes . port = 1\n": 2,
    "tool.apiroutes.port = 1\n": 1,
    "[tool]\napiroutes = {host = 'a', port = 1}\n": 2,
    'tool = {apiroutes = {"port" = 1}}\n': 1,
    '[tool."apiroutes"]\n"port" = 1\n': 2,
    "['tool'.'apiroutes']\n'port' = 1\n": 2,
    '[tool.apiroutes]\n"\\u0070ort" = 1\n': 2,
    '[tool.apiroutes]\r\nhost = "x"\r\nport = 1\r\n': 3,
    "[tool.other]\nport = 2\n[other]\nport = 3\n[tool.apiroutes]\nport = 1\n": 6,
    "[tool.apiroutes]\nx = [\n  'port',\n  'a',\n]\nport = [\n  1,\n]\n": 6,
    "[tool.apiroutes.port]\nx = 1\n": 1,
    "[[tool.apiroutes.port]]\nx = 1\n": 1,
    "[project]\ndependencies = [\n  'apiroutes',\n  'import',\n]\n\n[tool.apiroutes]\nport = 1": 8,
    "[tool.apiroutes]\nhost = 1\n": None,
    "[tool.apiroutes\nport = 1\n": None,
    "": None,
}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_line_of_a_key_is_found_in_whichever_spelling(document: str) -> None:
    assert line_of_key(document, KEYS) == DOCUMENTS[document]


LIST = "[tool.apiroutes]\nmiddleware = [\n  'a:b', # 'c:d'\n  \"c:d\",\n  'e:f', 'g:h',\n]\nother = ['i:j']\n"


@pytest.mark.parametrize(("item", "line"), [("a:b", 3), ("g:h", 5), ("i:j", 2), ("c:d", 2), ("a", 2)])
def test_the_line_of_an_item_is_that_of_the_list_where_it_is_not_clear(item: str, line: int) -> None:
    assert line_of_item(LIST, 2, item) == line


VARIABLES = "\n# A=0\nA=1\n\nexport B='x\nA=5\ny'\nC = 1\n\n\nD=\"a\\nb\"\nE\nA=2 # A=3\n"


@pytest.mark.parametrize(("name", "line"), [("A", 13), ("B", 5), ("C", 8), ("D", 11), ("E", 12), ("F", None)])
def test_the_line_of_a_variable_is_the_last_that_gives_it(name: str, line: int | None) -> None:
    assert line_of_variable(VARIABLES, name) == line
