from ..._lib import route

handler = route("/api/rt/ext/x.test")
