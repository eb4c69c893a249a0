from ..._lib import route

handler = route("/api/rt/special/quote's")
