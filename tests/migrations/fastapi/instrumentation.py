def register():
    yield {"name": "books"}
