from ...._lib import route

handler = route("/api/rt/idx/sub")
