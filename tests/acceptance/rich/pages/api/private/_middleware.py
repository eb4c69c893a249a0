from apiroutes import ApiError, security_scheme


@security_scheme("token", {"type": "http", "scheme": "bearer"})
@security_scheme("key", {"type": "apiKey", "in": "header", "name": "X-Key"})
def require_credentials(req, res, next):
    if req.headers.get("Authorization") != "Bearer secret" and req.headers.get("X-Key") != "secret":
        raise ApiError(401, "Credentials are needed", headers={"WWW-Authenticate": "Bearer"})
    next()


middleware = require_credentials
