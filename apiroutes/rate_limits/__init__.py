"""How many requests there may be in a time; this room never looks at what a request is for."""
