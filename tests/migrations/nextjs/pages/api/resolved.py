config = {"api": {"responseLimit": "8mb", "externalResolver": True}}


def GET():
    pass
