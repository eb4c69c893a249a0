from ..._lib import route

handler = route("/api/rt/special/tilde~x")
