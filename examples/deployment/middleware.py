# middleware.py
import os

from apiroutes.middleware import access_log, proxy_fix, request_id

# The number of proxies in front is the deployment's: with none, clients could choose their own address.
PROXIES = int(os.environ.get("PROXIES", "0"))

middleware = [proxy_fix(x_for=PROXIES, x_proto=PROXIES), request_id(), access_log()]
