from ...._lib import route

handler = route("/api/rt/names/dot/[a.b]")
