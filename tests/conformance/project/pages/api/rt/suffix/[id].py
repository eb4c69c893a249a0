from ..._lib import route

handler = route("/api/rt/suffix/[id]")
