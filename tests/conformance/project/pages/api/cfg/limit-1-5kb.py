from .._lib import answer_length

config = {"api": {"bodyParser": {"sizeLimit": "1.5kb"}}}
handler = answer_length
