from .._lib import answer_length

config = {"api": {"bodyParser": {}}}
handler = answer_length
