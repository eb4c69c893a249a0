from ......._lib import route

handler = route("/api/rt/deep/[a]/x/[b]/y/[...c]")
