class NotOurs(Exception):
    pass


class Upper:
    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        def start(status, headers, exc_info=None):
            return start_response(status, [*headers, ("X-WSGI", "yes")], exc_info)

        return self.application(environ, start)
