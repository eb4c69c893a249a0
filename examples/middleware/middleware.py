"""Around every route, and around the 404 of a path that has none."""

from apiroutes.middleware import access_log, request_id
from steps import step, timing

middleware = [request_id(), access_log(), timing, step("project")]
