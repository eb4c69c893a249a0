config = {"rateLimit": "2/minute"}
revalidate = 60


def GET():
    return "limited, and cached"
