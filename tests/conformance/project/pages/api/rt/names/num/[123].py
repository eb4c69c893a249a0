from ...._lib import route

handler = route("/api/rt/names/num/[123]")
