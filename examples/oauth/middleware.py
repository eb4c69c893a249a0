from apiroutes.middleware import sessions

# `sessions()` brings `csrf()` along: no other site can sign a user out.
middleware = [sessions()]
