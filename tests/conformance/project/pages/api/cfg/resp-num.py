from .._lib import answer_letters

config = {"api": {"responseLimit": 100}}
handler = answer_letters
