def POST(body):
    """Return what was sent, whatever it is."""
    return body
