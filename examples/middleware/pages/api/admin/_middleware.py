"""Nobody enters this directory without the key."""

import os

from apiroutes.middleware import api_key

middleware = [api_key(os.environ["ADMIN_KEY"], header="X-API-Key", scheme_name="admin")]
