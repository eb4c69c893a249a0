from .._lib import answer_length

config = {"api": {"bodyParser": {"sizeLimit": "500kb"}}}
handler = answer_length
