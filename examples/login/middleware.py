from apiroutes.middleware import security_headers, sessions

# `sessions()` brings `csrf()` along: no form needs a token.
middleware = [security_headers({"Referrer-Policy": "same-origin"}, hsts=31536000), sessions()]
