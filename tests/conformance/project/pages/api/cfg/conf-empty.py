from .._lib import answer_length

config = {}
handler = answer_length
