"""The recorded files that `project/` leaves out: start errors, and private files."""

from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.errors import ProjectError
from tests.conformance.exchange import build_environ
from tests.support import exchange

HANDLER = "def handler(req, res):\n    res.json(None)\n"

STOPPING = {
    "cfg/limit-bad": HANDLER + "config = {'api': {'bodyParser': {'sizeLimit': 'abc'}}}\n",
    "cfg/limit-neg": HANDLER + "config = {'api': {'bodyParser': {'sizeLimit': '-1kb'}}}\n",
    "cfg/resp-bad": HANDLER + "config = {'api': {'responseLimit': 'abc'}}\n",
    "r/nodefault": "x = 1\n",
    "r/nonfunc": "handler = {'a': 1}\n",
    "r/throwload": HANDLER + "raise RuntimeError('load')\n",
    "rt/suffix/[id].json": HANDLER,
    "rt/suffix/pre-[id]": HANDLER,
    "rt/suffix/pre-[id]/[x]": HANDLER,
    "rt/suffix2/[a]/re[view]": HANDLER,
    "rt/suffix2/[a].json/[b]": HANDLER,
}


def write_page(root: Path, page: str, text: str) -> str:
    file = f"pages/api/{page}.py"
    path = root / file
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("page", STOPPING)
def test_file_is_a_start_error(page: str, tmp_path: Path) -> None:
    file = write_page(tmp_path, page, STOPPING[page])
    with pytest.raises(ProjectError) as raised:
        App(tmp_path)
    assert [problem.file for problem in raised.value.problems] == [file]


@pytest.mark.parametrize("page", ["rt/ext/.hidden", "rt/ext/_private"])
def test_private_file_is_not_a_route(page: str, tmp_path: Path) -> None:
    write_page(tmp_path, page, HANDLER)
    assert exchange(App(tmp_path), build_environ("GET", f"/api/{page}")).status == 404
