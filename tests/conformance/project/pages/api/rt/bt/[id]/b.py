from ...._lib import route

handler = route("/api/rt/bt/[id]/b")
