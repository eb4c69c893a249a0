from .._lib import answer_length

config = {"api": {"bodyParser": {"sizeLimit": "2mb"}}}
handler = answer_length
