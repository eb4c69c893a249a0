"""The route /api/hello, and the file that `file_tree` edits, breaks, deletes and restores."""


def GET():
    return dict(ok=True)
