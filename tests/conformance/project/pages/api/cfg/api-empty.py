from .._lib import answer_length

config = {"api": {}}
handler = answer_length
