"""The documentation site as it is built: its files, and what Chromium makes of them, from a disk."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tools.site.links import is_relative, with_destinations

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}


def build(output: Path, *options: str, source: Path = ROOT / "docs") -> subprocess.CompletedProcess[str]:
    """Build the site, as `make docs` does."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-E", *options]
    doctrees = output.with_name("doctrees")
    return subprocess.run(
        [*command, "-b", "html", "-d", str(doctrees), str(source), str(output)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the site, built without a warning."""
    directory = tmp_path_factory.mktemp("site") / "html"
    built = build(directory)
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    return directory


def documents() -> list[str]:
    """The names of the pages of docs/, without `.md`."""
    directory = ROOT / "docs"
    return [path.relative_to(directory).as_posix()[:-3] for path in sorted(directory.rglob("*.md"))]


# -- the files


def test_every_document_is_a_page_with_a_copy_in_markdown(site: Path) -> None:
    outside = ["security-policy", "contributing", "changelog", "examples/login", "examples/queue"]
    for name in [*documents(), *outside]:
        page = (site / f"{name}.html").read_text(encoding="utf-8")
        copy = re.search(r'<link rel="alternate" type="text/markdown" href="([^"]+)"', page)
        assert copy is not None
        assert (site / f"{name}.html").parent / copy[1] == site / f"{name}.md"
        assert (site / f"{name}.md").read_text(encoding="utf-8").startswith("# ")


def test_a_block_that_names_its_file_is_marked_and_others_are_not(site: Path) -> None:
    blocks = re.findall(
        r'<div class="(named )?highlight-(\w+) notranslate">.*?<pre>(.*?)</pre>',
        "".join(path.read_text(encoding="utf-8") for path in site.glob("*.html")),
        re.DOTALL,
    )
    first = [(bool(named), re.sub(r"<[^>]*>", "", code).partition("\n")[0]) for named, _, code in blocks]
    assert (True, "# pages/api/hello.py") in first
    assert [line for named, line in first if named and not re.match(r"(#|//|--|&lt;!--) \S+", line)] == []
    assert [line for named, line in first if not named and re.fullmatch(r"# \S+\.(py|toml)", line)] == []


def test_a_page_describes_itself_as_the_index_does(site: Path) -> None:
    page = (site / "health.html").read_text(encoding="utf-8")
    assert re.search(r'<meta name="description" content="readiness and liveness[^"]+"', page)


def destinations(text: str) -> list[str]:
    found: list[str] = []

    def note(destination: str) -> str:
        found.append(destination.strip("<>"))
        return destination

    with_destinations(text, note)
    return [destination for destination in found if is_relative(destination)]


def test_the_links_of_the_copies_lead_to_files_of_the_site(site: Path) -> None:
    copies = [*site.rglob("*.md"), site / "llms.txt", site / "llms-full.txt"]
    links = [(copy, link) for copy in copies for link in destinations(copy.read_text(encoding="utf-8"))]
    assert len(links) > 500
    assert [
        (copy.name, link)
        for copy, link in links
        if not (copy.parent / unquote(link.partition("#")[0])).resolve().is_file()
    ] == []


def test_copies_have_no_markup_of_sphinx(site: Path) -> None:
    assert [copy.name for copy in site.rglob("*.md") if "{toctree}" in copy.read_text(encoding="utf-8")] == []


def test_llms_txt_lists_every_page_with_its_subject(site: Path) -> None:
    text = (site / "llms.txt").read_text(encoding="utf-8")
    assert re.match(r"# apiroutes\n\n> .+\n\n\[.+\n\n## .+\n\n- ", text)
    stated = re.search(r"\(llms-full\.txt\) .+ (\d+) KB", text)
    assert stated is not None
    assert abs(int(stated[1]) * 1000 - (site / "llms-full.txt").stat().st_size) <= 10_000
    listed = dict(re.findall(r"^- \[[^\]]+\]\((\S+)\.md\): (.+)$", text, re.MULTILINE))
    assert set(documents()) - {"index"} <= set(listed)


def test_llms_full_txt_has_the_text_of_every_page_of_use_to_projects(site: Path) -> None:
    whole = (site / "llms-full.txt").read_text(encoding="utf-8")
    for name in documents():
        title = (site / f"{name}.md").read_text(encoding="utf-8").partition("\n")[0]
        assert f"\n{title}\n" in whole
    for name in ("contributing", "changelog", "benchmark-results"):
        assert (site / f"{name}.md").read_text(encoding="utf-8") not in whole


def test_files_outside_of_the_documents_are_shown(site: Path) -> None:
    page = (site / "source/tests/conformance/deviations.txt.html").read_text(encoding="utf-8")
    assert "deviations.txt" in page
    assert (site / "source/tests/conformance/deviations.txt.txt").read_text(encoding="utf-8") == (
        ROOT / "tests/conformance/deviations.txt"
    ).read_text(encoding="utf-8")


# A document with each, and what the build says of it.
MISTAKES = {
    "[a](nowhere.md)": "nowhere.md",
    "[a](#nowhere)": "nowhere",
    "[a](index.md#nowhere)": "nowhere",
    "[a](../nowhere.txt)": "nowhere.txt",
    "[a](https://nowhere)": "'https://nowhere' is not the address of a page",
    "![](picture.png)": "picture.png",
    "#### Too deep": "H1 to H4",
    "```nonsense\na\n```": "nonsense",
    '<a id="b"></a>c\n\n<a id="b"></a>d': "two anchors 'b'",
}
PAGES = [
    "../SECURITY.md",
    "../CONTRIBUTING.md",
    "../CHANGELOG.md",
    "../benchmarks/README.md",
    "../benchmarks/RESULTS.md",
    *[f"page-{number}.md" for number in range(len(MISTAKES))],
]


def write_documents(directory: Path, contents: Iterable[str]) -> Path:
    """Write documents with these contents, one each, and those that every site has."""
    source = directory / "docs"
    (directory / "benchmarks").mkdir(parents=True)
    source.mkdir()
    rows = "".join(f"- [a]({page}): b\n" for page in PAGES)
    for page, content in zip(PAGES, [*[""] * (len(PAGES) - len(MISTAKES)), *contents]):
        (source / page).write_text(f"# Title\n\n{content}\n", encoding="utf-8")
    (source / "index.md").write_text(f"# Title\n\n## Pages\n\n{rows}", encoding="utf-8")
    configuration = (ROOT / "docs/conf.py").read_text(encoding="utf-8")
    configuration = configuration.replace("Path(__file__).resolve().parents[1]", f"Path({str(ROOT)!r})")
    (source / "conf.py").write_text(configuration, encoding="utf-8")
    return source


def test_mistakes_in_documents_fail_the_build(tmp_path: Path) -> None:
    source = write_documents(tmp_path, MISTAKES)
    (source / "unlisted.md").write_text("# Unlisted\n", encoding="utf-8")
    built = build(tmp_path / "html", source=source)
    assert built.returncode == 1
    lines = built.stderr.splitlines()
    for number, said in enumerate(MISTAKES.values()):
        assert any(f"page-{number}." in line and said in line for line in lines), said
    assert any("unlisted.md" in line and "toctree" in line for line in lines)


def test_documents_without_mistakes_are_built(tmp_path: Path) -> None:
    built = build(tmp_path / "html", source=write_documents(tmp_path, [""] * len(MISTAKES)))
    assert (built.returncode, built.stderr) == (0, "")


def test_pages_link_their_sources_once_the_repository_has_an_address(tmp_path: Path) -> None:
    source = write_documents(tmp_path, [""] * len(MISTAKES))
    (source / "page-2.md").write_text("# Title\n\n[a](../lib/a.py)\n", encoding="utf-8")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.py").write_text("A = 1\n", encoding="utf-8")
    options = ["-D", "site_repository=https://git.example/team/apiroutes"]
    built = build(tmp_path / "html", *options, source=source)
    assert (built.returncode, built.stderr) == (0, "")
    for page, path in [("page-1", "docs/page-1.md"), ("security-policy", "SECURITY.md")]:
        html = (tmp_path / "html" / f"{page}.html").read_text(encoding="utf-8")
        assert f'href="https://git.example/team/apiroutes/edit/main/{path}"' in html
    html = (tmp_path / "html" / "source" / "lib" / "a.py.html").read_text(encoding="utf-8")
    assert 'href="https://git.example/team/apiroutes/blob/main/lib/a.py"' in html


# -- in a browser


class Opened(NamedTuple):
    page: Page
    errors: list[str]
    requested: list[str]


@contextmanager
def opened(browser: Browser, viewport: ViewportSize, scheme: str = "light") -> Iterator[Opened]:
    """Open a window that notes what goes wrong, and what is fetched."""
    context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    found = Opened(page, [], [])
    page.on("console", lambda message: found.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.errors.append(str(error)))
    page.on("request", lambda request: found.requested.append(request.url))
    yield found
    context.close()


def test_every_page_fits_its_window_and_fetches_nothing(site: Path, browser: Browser) -> None:
    wide = []
    with opened(browser, DESKTOP) as (page, errors, requested):
        for path in sorted(site.rglob("*.html")):
            page.goto(path.as_uri())
            for viewport in (PHONE, DESKTOP):
                page.set_viewport_size(viewport)
                if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                    wide.append((path.relative_to(site).as_posix(), viewport["width"]))
    assert wide == []
    assert errors == []
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_a_page_is_as_light_as_the_reader_s_other_windows(
    site: Path, browser: Browser, scheme: str, is_dark: bool
) -> None:
    with opened(browser, DESKTOP, scheme) as (page, _, _):
        page.goto((site / "routes.html").as_uri())
        colours = page.evaluate(
            "['body', 'div.highlight'].map(name =>"
            " getComputedStyle(document.querySelector(name)).backgroundColor)"
        )
    for colour in colours:
        assert (sum(map(int, re.findall(r"\d+", colour)[:3])) < 3 * 128) is is_dark


@pytest.mark.parametrize("name", ["routes", "behaviour", "examples/login", "benchmark-results"])
def test_the_navigation_shows_the_entry_of_the_page_and_its_section(
    site: Path, browser: Browser, name: str
) -> None:
    with opened(browser, DESKTOP) as (page, _, _):
        page.goto((site / f"{name}.html").as_uri())
        page.wait_for_load_state()
        places = page.evaluate(
            """[".current-page > .reference", ".caption:has(+ ul.current)"].map((name) => {
                const both = [`.sidebar-tree ${name}`, ".sidebar-scroll"].map(e => document.querySelector(e))
                const [inner, outer] = both.map((place) => place.getBoundingClientRect());
                return inner.top >= outer.top && inner.bottom <= outer.bottom;
            })"""
        )
        assert places == [True, True]
        assert page.evaluate("window.scrollY") == 0


def test_tables_fit_a_phone(site: Path, browser: Browser) -> None:
    with opened(browser, PHONE) as (page, _, _):
        for name in ("settings", "how-to/from-flask", "reference/middleware"):
            page.goto((site / f"{name}.html").as_uri())
            assert page.evaluate(
                "[...document.querySelectorAll('.table-wrapper')].every(t => t.scrollWidth <= t.clientWidth)"
            ), name


def test_a_drawing_has_the_colours_of_the_page(site: Path, browser: Browser) -> None:
    shades = []
    with opened(browser, DESKTOP) as (page, _, _):
        page.goto((site / "explanation/how-a-request-travels.html").as_uri())
        assert page.evaluate("document.querySelectorAll('.drawing svg > rect').length") > 5
        for theme in ("light", "dark"):
            page.evaluate("theme => { document.body.dataset.theme = theme }", theme)
            shades += page.evaluate(
                "['rect', 'text'].map(e => getComputedStyle(document.querySelector(`.drawing ${e}`)).fill)"
            )
    light = [sum(map(int, re.findall(r"\d+", shade))) > 3 * 128 for shade in shades]
    assert light == [True, False, False, True]


def test_the_copy_of_a_file_is_without_the_line_of_its_name(site: Path, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    context.add_init_script(
        "document.execCommand = () => { window.copied = String(getSelection()); return true }"
    )
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    button = page.locator(".named button.copybtn").first
    assert button.evaluate("button => getComputedStyle(button).opacity") == "1"
    assert page.evaluate("document.querySelector('.named pre').innerText.startsWith('# pages/api/hello.py')")
    text = page.locator(".named pre").first.evaluate(
        "pre => { const copy = pre.cloneNode(true);"
        " copy.querySelectorAll('.file-name').forEach(part => part.remove()); return copy.textContent }"
    )
    assert text.startswith("def handler(req, res):\n")
    context.close()


# What people type, and pages of which one must be among the first five places.
TERMS = [
    ("upload", "how-to/uploads"),
    ("file upload", "bodies how-to/uploads"),
    ("how do I upload a file?", "bodies how-to/uploads"),
    ("webhook", "how-to/webhooks"),
    ("webhooks", "how-to/webhooks"),
    ("cors", "how-to/cors"),
    ("sse", "how-to/events"),
    ("server-sent events", "how-to/events"),
    ("server sent events", "time how-to/events"),
    ("jwt", "sign-in"),
    ("rate limit", "rate-limits"),
    ("throttling", "rate-limits"),
    ("404", "development"),
    ("413", "settings bodies how-to/uploads"),
    ("422", "types"),
    ("middleware", "middleware"),
    ("gunicorn", "deployment"),
    ("uvicorn", "deployment"),
    ("nginx", "deployment/nginx"),
    ("docker", "deployment/container"),
    ("systemd", "deployment/systemd"),
    ("settings", "settings"),
    ("environment variables", "reference/environment settings"),
    ("session", "sessions"),
    ("cookie", "sessions"),
    ("csrf", "sign-in"),
    ("login", "sign-in examples/login"),
    ("oauth", "sign-in examples/oauth"),
    ("api key", "sign-in"),
    ("password", "sign-in"),
    ("background task", "after"),
    ("background job", "after"),
    ("openapi", "types"),
    ("swagger", "types"),
    ("typescript", "clients"),
    ("next.js", "how-to/from-nextjs"),
    ("next.js migration", "how-to/from-nextjs"),
    ("flask", "how-to/from-flask"),
    ("django", "embedding"),
    ("fastapi", "how-to/from-fastapi"),
    ("graphql", "examples/graphql"),
    ("async", "time"),
    ("timeout", "time settings"),
    ("maxDuration", "time"),
    ("redirect", "handlers reference/response"),
    ("health check", "health"),
    ("kubernetes", "deployment/kubernetes"),
    ("req.query", "bodies"),
    ("[id].py", "routes"),
    ("catch-all", "routes"),
    ("trailing slash", "routes"),
    ("query string", "types handlers"),
    ("validation", "types"),
    ("pydantic", "types"),
    ("pytest", "testing"),
    ("test client", "testing"),
    ("caching", "caching"),
    ("etag", "bodies"),
    ("redis", "caching"),
    ("logging", "logging"),
    ("request id", "logging"),
    ("prometheus", "telemetry"),
    ("hot reload", "development"),
    ("dependency injection", "dependencies"),
    ("database", "how-to/databases"),
    ("error handling", "handlers"),
    ("streaming", "time"),
    ("download", "bodies"),
    ("proxy", "examples/proxy security-policy"),
    ("graceful shutdown", "deployment"),
    ("startup", "lifespan"),
    ("install", "index tutorial"),
    ("set_cookie", "reference/response"),
    ("changelog", "changelog"),
    ("tutorial", "tutorial"),
    ("getting started", "tutorial"),
    ("sqlalchemy", "how-to/databases"),
    ("tanstack", "how-to/from-tanstack"),
    ("s3", "examples/upload"),
    ("crud", "examples/rest"),
    ("pagination", "examples/rest"),
    ("permissions", "sign-in"),
    ("lambda", "deployment/lambda"),
    ("heroku", "deployment/platforms"),
    ("lock file", "deployment/reproducible-installs"),
    ("port", "commands settings"),
    ("--port", "commands settings"),
    ("body_size_limit", "settings"),
    ("windows", "index"),
    ("license", "index"),
    ("licence", "index"),
    ("pypi", "index"),
    ("dotenv", "settings"),
    ("sqlite", "how-to/databases"),
    ("debug", "development"),
]


def found(page: Page, site: str, words: str) -> list[str]:
    """The pages of the places that a search finds, best first."""
    page.goto(f"{site}/search.html?q={quote(words)}")
    page.wait_for_selector("html[data-searched]")
    links: list[str] = page.eval_on_selector_all(
        "#search-results li > a", "links => links.map(link => link.href)"
    )
    return [link.removeprefix(f"{site}/").partition(".html")[0] for link in links]


def test_the_search_finds_what_people_type(site: Path, browser: Browser) -> None:
    missing = {}
    with opened(browser, DESKTOP) as (page, errors, requested):
        for words, names in TERMS:
            first = found(page, site.as_uri(), words)[:5]
            if not set(first) & set(names.split()):
                missing[words] = first
    assert missing == {}
    assert errors == []
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("words", ["", "   ", "xylophone", "<script>alert(1)</script>", "(", "[", "\\", "“"])
def test_a_search_for_what_is_nowhere_finds_nothing_and_fails_nothing(
    site: Path, browser: Browser, words: str
) -> None:
    with opened(browser, PHONE) as (page, errors, _):
        found(page, site.as_uri(), words)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert errors == []


@pytest.mark.parametrize(
    ("words", "suggested"),
    [
        ("midleware", "middleware"),
        ("kuberentes", "kubernetes"),
        ("sesions", "sessions"),
        ("res.stauts", "res.status"),
        ("rate limtis", "rate limits"),
        ("middleware", None),
        ("throttling", None),
        ("xylophone", None),
        ("", None),
    ],
)
def test_a_search_suggests_a_known_word_for_one_that_is_nowhere(
    site: Path, browser: Browser, words: str, suggested: str | None
) -> None:
    with opened(browser, DESKTOP) as (page, errors, _):
        found(page, site.as_uri(), words)
        link = page.query_selector("#search-status a")
        assert (link and link.text_content()) == suggested
        if link is not None:
            link.click()
            page.wait_for_selector(f"html[data-searched='{suggested}']")
            assert page.query_selector("#search-results li") is not None
    assert errors == []


def test_every_place_that_a_search_finds_has_its_anchor(site: Path, browser: Browser) -> None:
    with opened(browser, DESKTOP) as (page, _, _):
        links: set[str] = set()
        for words in ("upload", "session", "a", "behaviour"):
            found(page, site.as_uri(), words)
            links.update(
                page.eval_on_selector_all("#search-results li > a", "links => links.map(l => l.href)")
            )
    anchored = [link.removeprefix(site.as_uri() + "/").split("#") for link in links if "#" in link]
    assert len(anchored) > 10
    for path, anchor in anchored:
        assert f'id="{unquote(anchor)}"' in (site / unquote(path)).read_text(encoding="utf-8")


def test_a_search_begins_in_the_sidebar_of_any_page_and_goes_on_as_one_types(
    site: Path, browser: Browser
) -> None:
    with opened(browser, DESKTOP) as (page, errors, _):
        page.goto((site / "examples" / "login.html").as_uri())
        page.fill(".sidebar-search", "jwt")
        page.press(".sidebar-search", "Enter")
        page.wait_for_selector("html[data-searched='jwt']")
        page.fill("#search-words", "cookie")
        page.wait_for_selector("html[data-searched='cookie']")
        page.click("#search-results li > a")
        page.wait_for_url(re.compile(r"sessions\.html"))
    assert errors == []


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


def test_the_search_works_from_a_static_server_below_a_path(site: Path, browser: Browser) -> None:
    handler = functools.partial(_Quiet, directory=str(site.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with opened(browser, PHONE) as (page, errors, requested):
            address = f"http://127.0.0.1:{server.server_port}"
            assert found(page, f"{address}/html", "jwt")[0] == "sign-in"
            assert [url for url in requested if not url.startswith((address, "data:"))] == []
            assert errors == []
        server.shutdown()
