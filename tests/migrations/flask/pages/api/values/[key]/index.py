from uuid import UUID


def GET(key: UUID):
    return {"key": key.hex}
