from apiroutes.middleware import sessions

# Thirty years, so that what was signed once stays valid.
middleware = [sessions(max_age=10**9)]
