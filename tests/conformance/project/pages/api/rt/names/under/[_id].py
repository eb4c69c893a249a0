from ...._lib import route

handler = route("/api/rt/names/under/[_id]")
