from ....._lib import route

handler = route("/api/rt/dyn/[section]/[item]")
