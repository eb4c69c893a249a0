from .._lib import answer_length

handler = answer_length
