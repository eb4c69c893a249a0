"""Run by `faults.py` in place of gunicorn: `apiroutes start` with the flags for gunicorn."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    application, *flags = sys.argv[1:]
    root = HERE / "project"
    if application.startswith("treeapp:"):  # the test changes this file, in a directory of its own
        root = Path(os.environ["PYTHONPATH"].partition(os.pathsep)[0])
        route = root / "pages" / "api" / "hello.py"
        route.parent.mkdir(parents=True, exist_ok=True)
        route.symlink_to(root / "treeapp.py")
    start = [sys.executable, "-m", "apiroutes", "start", "--root", str(root), "--", *flags]
    os.execv(sys.executable, start)


if __name__ == "__main__":
    main()
