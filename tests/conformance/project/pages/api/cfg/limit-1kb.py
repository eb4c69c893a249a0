from .._lib import answer_length

config = {"api": {"bodyParser": {"sizeLimit": "1kb"}}}
handler = answer_length
