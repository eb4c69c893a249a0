from ....._lib import route

handler = route("/api/rt/bt/static/deep/[...rest]")
