from .._lib import answer_length

config = {"api": {"bodyParser": True}}
handler = answer_length
