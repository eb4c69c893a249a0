"""Our page alone may read and write this directory, with the visitor's cookie.

`sessions()` brings `csrf()` along: it refuses what other pages have a browser send, and trusts the same page.
"""

import os

from apiroutes.middleware import cors, sessions

PAGE = os.environ.get("PAGE_ORIGIN", "http://localhost:3000")

middleware = [cors([PAGE], credentials=True), sessions()]
