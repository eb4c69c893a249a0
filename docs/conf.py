"""Sphinx's settings for the documentation site; `make docs` builds it."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from apiroutes.version import __version__  # noqa: E402
from tools.release.source import repository_address  # noqa: E402

project = "apiroutes"
release = version = __version__
copyright = "the contributors of apiroutes"

# For links to edit a page, once setup.cfg has the public address of the repository.
site_repository = repository_address(ROOT) or ""
# The public address of the site with a slash at its end, for llms.txt and the pages' canonical addresses.
html_baseurl = ""
site_summary = (
    "Put a Python file under pages/api/, and it is an HTTP endpoint. apiroutes is a WSGI and ASGI framework "
    "in the manner of Next.js API routes: fast, typed and safe by default."
)
# In the search: these pages have all the words, and are seldom where somebody should begin.
site_search_weights = {
    "reference/index": 0.3,
    "reference/logs": 0.5,
    "reference/*": 0.8,
    "how-to/from-*": 0.7,
    "behaviour": 0.6,
    "benchmark-results": 0.4,
    "benchmarks": 0.4,
    "changelog": 0.3,
    "contributing": 0.3,
    "index": 0.4,
}
# In the tables of these pages a row explains the name that it begins with, an ordinary word elsewhere.
site_search_names = ["settings", "commands"]

extensions = ["myst_parser", "sphinx_copybutton", "tools.site"]
exclude_patterns = ["_build"]
nitpicky = True
# The pages are written for GitHub as well: what GitHub shows as it stands is not markup here.
myst_heading_anchors = 6

_MONOSPACE = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace'
html_theme = "furo"
html_title = "apiroutes"
html_favicon = html_logo = str(ROOT / "tools/site/static/logo.svg")
html_copy_source = False
html_use_index = False
html_domain_indices = False
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
# The colours of the error page (apiroutes/development/page/page.css).
html_theme_options = {
    "light_css_variables": {
        "font-stack": "system-ui, sans-serif",
        "font-stack--monospace": _MONOSPACE,
        "color-brand-primary": "#1f5fcc",
        "color-brand-content": "#1f5fcc",
        "color-brand-visited": "#1f5fcc",
        "color-foreground-primary": "#1d2025",
        "color-foreground-secondary": "#5a6270",
        "color-foreground-muted": "#5a6270",
        "color-background-primary": "#fff",
        "color-background-secondary": "#f6f7f9",
        "color-background-border": "#dfe2e7",
        "color-code-background": "#fbfbfc",
        "color-inline-code-background": "#f0f2f5",
        "color-highlighted-background": "#fff0b3",
        "color-sidebar-link-text--top-level": "#1d2025",
    },
    "dark_css_variables": {
        "color-brand-primary": "#8ab4ff",
        "color-brand-content": "#8ab4ff",
        "color-brand-visited": "#8ab4ff",
        "color-foreground-primary": "#e4e7ec",
        "color-foreground-secondary": "#a0a8b5",
        "color-foreground-muted": "#a0a8b5",
        "color-background-primary": "#15171b",
        "color-background-secondary": "#1c1f25",
        "color-background-border": "#30353e",
        "color-code-background": "#191c21",
        "color-inline-code-background": "#23272f",
        "color-highlighted-background": "#5b4a12",
        "color-sidebar-link-text--top-level": "#e4e7ec",
    },
}
pygments_style = "a11y-light"
pygments_dark_style = "github-dark"

# Copied are the commands of a console block without what they print, and a file without the line of its name.
copybutton_prompt_text = "$ "
copybutton_exclude = ".linenos, .file-name"
copybutton_line_continuation_character = "\\"

linkcheck_ignore = [r"^(?!https?://)", r"https?://(localhost|127\.0\.0\.1|example\.)"]
linkcheck_timeout = 20
