"""Makes the pictures of docs/development.md: `python -m tests.screenshots`. It needs Chromium.

In: a directory, docs/images without one; `--whole` for all of each page. Out: PNG files.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page

from tests.browsers import NO_CHROMIUM, chromium, has_chromium
from tests.development_pages import BROKEN, application, serving

IMAGES = Path(__file__).parents[1] / "docs" / "images"


class Picture(NamedTuple):
    """A page as it is photographed: its path, the method, and whether it is dark or a telephone's."""

    name: str
    path: str
    method: str = "GET"
    is_dark: bool = False
    width: int = 1200
    height: int = 780
    is_broken: bool = False


PICTURES = [
    Picture("error-page", "/api/orders", "POST"),
    Picture("error-page-dark", "/api/orders/1", is_dark=True, height=1000),
    Picture("error-page-phone", "/api/orders", "POST", width=420, height=860),
    Picture("not-found-page", "/api/user/7", height=560),
    Picture("report-page", "/", height=900, is_broken=True),
]


def show(page: Page, url: str, method: str = "GET") -> None:
    """Go to a page; with another method than GET, as a form of that method would."""

    def send(route: object) -> None:
        route.continue_(method=method, post_data='{"items": {}}', headers=headers)  # type: ignore[attr-defined]

    headers = {"content-type": "application/json", "accept": "text/html", "authorization": "Bearer abc"}
    if method != "GET":
        page.route(url, send)
    page.goto(url)


def take(directory: Path, is_whole: bool = False) -> None:
    """Take the pictures: of what a window shows, or of whole pages."""
    if not has_chromium():
        raise SystemExit(NO_CHROMIUM)
    logging.disable(logging.CRITICAL)
    directory.mkdir(parents=True, exist_ok=True)
    with (
        chromium() as browser,
        tempfile.TemporaryDirectory() as root,
        serving(application(Path(root, "served"))) as served,
        serving(application(Path(root, "broken"), BROKEN)) as broken,
    ):
        for picture in PICTURES:
            page = browser.new_page(
                viewport={"width": picture.width, "height": picture.height},
                color_scheme="dark" if picture.is_dark else "light",
            )
            show(page, (broken if picture.is_broken else served) + picture.path, picture.method)
            page.screenshot(path=directory / f"{picture.name}.png", full_page=is_whole)
            page.close()


if __name__ == "__main__":
    names = [argument for argument in sys.argv[1:] if argument != "--whole"]
    take(Path(names[0]) if names else IMAGES, is_whole="--whole" in sys.argv)
