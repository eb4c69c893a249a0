from .._lib import answer_length

config = {"api": {"bodyParser": {"sizeLimit": "100b"}}}
handler = answer_length
