from ..._lib import route

handler = route("/api/rt/ca/fixed")
