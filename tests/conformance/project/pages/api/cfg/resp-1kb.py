from .._lib import answer_letters

config = {"api": {"responseLimit": "1kb"}}
handler = answer_letters
