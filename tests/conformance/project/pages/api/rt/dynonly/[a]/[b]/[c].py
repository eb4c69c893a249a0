from ....._lib import route

handler = route("/api/rt/dynonly/[a]/[b]/[c]")
