from .._lib import answer_length

config = {"api": {"bodyParser": {"sizeLimit": 1}}}
handler = answer_length
