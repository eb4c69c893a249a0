"""Grammar that several fields share, as regular expressions.

In: nothing. Out: patterns, and whether a string is a token.
"""

from __future__ import annotations

import re

__all__ = ["BAD_ESCAPE", "TOKEN", "is_token"]

# RFC 9110 section 5.6.2.
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
is_token = re.compile(TOKEN).fullmatch

# RFC 3986 section 2.1: a percent sign without its two hexadecimal digits.
BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
