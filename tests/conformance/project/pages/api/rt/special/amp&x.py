from ..._lib import route

handler = route("/api/rt/special/amp&x")
