from .._lib import answer_length

config = {"api": {"bodyParser": {"sizeLimit": "100"}}}
handler = answer_length
