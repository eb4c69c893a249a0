from .._lib import route

handler = route("/api/rt/hello.json")
