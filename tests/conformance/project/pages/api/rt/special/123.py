from ..._lib import route

handler = route("/api/rt/special/123")
