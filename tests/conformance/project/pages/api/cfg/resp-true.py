from .._lib import answer_letters

config = {"api": {"responseLimit": True}}
handler = answer_letters
