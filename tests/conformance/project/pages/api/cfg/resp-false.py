from .._lib import answer_letters

config = {"api": {"responseLimit": False}}
handler = answer_letters
