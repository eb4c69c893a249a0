from ._events import log


def GET(query):
    chunk = b"x" * 65536

    def chunks():
        try:
            for _ in range(int(query.get("mb", 50)) * 16):
                yield chunk
        finally:
            log(event="big-closed")

    return chunks()
