"""Files at the root of a project that hide modules of Python's standard library.

In: the project directory. Out: warnings, added to those given. The root is importable, so `import email` gets
the project's `email.py` everywhere, in Python's own modules too.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from apiroutes.errors import Problems

__all__ = ["warn_of_hidden_modules"]

# Nothing imports these.
_HARMLESS = frozenset(("antigravity", "idlelib", "lib2to3", "test", "this", "turtle", "turtledemo"))


def warn_of_hidden_modules(root: Path, warnings: Problems) -> None:
    """Add a warning for each file or package that has the name of a standard module."""
    for name in sorted(os.listdir(root)):
        module = name.removesuffix(".py")
        if module not in sys.stdlib_module_names or module in _HARMLESS:
            continue
        if name != module or os.path.isfile(root / name / "__init__.py"):
            message = f"hides Python's own module `{module}` from everything that imports it later."
            warnings.add(name, message, "Rename it.")
