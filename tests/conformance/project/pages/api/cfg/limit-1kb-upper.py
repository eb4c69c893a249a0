from .._lib import answer_length

config = {"api": {"bodyParser": {"sizeLimit": "1KB"}}}
handler = answer_length
