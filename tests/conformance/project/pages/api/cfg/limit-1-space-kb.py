from .._lib import answer_length

config = {"api": {"bodyParser": {"sizeLimit": "1 kb"}}}
handler = answer_length
