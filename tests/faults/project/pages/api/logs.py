import logging

from ._logs import log


def GET():
    """Log, and say which handlers of logging cannot be had within five seconds."""
    held = []
    for handler in (*log.handlers, *logging.root.handlers):
        if handler.lock.acquire(timeout=5):
            handler.lock.release()
        else:
            held.append(repr(handler))
    if not held:
        log.info("asked")
    return {"held": held}
