from .._lib import answer_letters

handler = answer_letters
