from apiroutes.middleware import sessions

middleware = [sessions()]
