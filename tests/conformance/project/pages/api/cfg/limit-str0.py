from .._lib import answer_length

config = {"api": {"bodyParser": {"sizeLimit": "0"}}}
handler = answer_length
