from pathlib import Path
from typing import Any

from apiroutes import html

PAGE = (Path(__file__).parents[1] / "index.html").read_text(encoding="utf-8")


async def GET() -> Any:
    return html(PAGE)
