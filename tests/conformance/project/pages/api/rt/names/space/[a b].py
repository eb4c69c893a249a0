from ...._lib import route

handler = route("/api/rt/names/space/[a b]")
