from ...._lib import route

handler = route("/api/rt/rsc/all/[...slug]")
