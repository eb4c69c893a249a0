"""An OpenID Connect provider over real HTTP, which checks what a client sends, and misbehaves when told."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT_ID, CLIENT_SECRET = "notes", "s3cret/with+odd=characters"
REDIRECT_URI = "http://localhost/api/callback"


class Provider:
    """The provider. `changes` are made to the claims of an id_token, `key` signs it."""

    def __init__(self) -> None:
        self.key: Any = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.published = self.key
        self.changes: dict[str, Any] = {}
        self.refuses = False
        self.is_down = False
        self.codes: dict[str, dict[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Exchange)
        self._server.provider = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def authorize(self, url: str) -> str:
        """Do what a browser does at the authorization endpoint; return where the user is sent back to."""
        query = dict(parse_qsl(urlsplit(url).query))
        assert url.startswith(f"{self.url}/authorize?")
        assert query["client_id"] == CLIENT_ID
        assert query["redirect_uri"] == REDIRECT_URI
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        back = {"state": query["state"]}
        if self.refuses:
            back["error"] = "access_denied"
        else:
            back["code"] = secrets.token_urlsafe(16)
            self.codes[back["code"]] = query
        return f"{REDIRECT_URI}?{urlencode(back)}"

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": "u-1",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
        }
        whole = {**claims, "email": "ada@example.com", **self.changes}
        kept = {name: value for name, value in whole.items() if value is not ...}
        return jwt.encode(kept, self.key, algorithm="RS256", headers={"kid": "1"})

    def exchange(self, authorization: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer a request to the token endpoint (RFC 6749 section 4.1.3, RFC 7636 section 4.6)."""
        kind, _, credentials = authorization.partition(" ")
        client = [unquote(part) for part in base64.b64decode(credentials).decode().split(":", 1)]
        if kind != "Basic" or client != [CLIENT_ID, CLIENT_SECRET]:
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)  # a code counts once
        if asked is None or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        token = {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "expires_in": 300}
        return 200, {**token, "id_token": self.id_token(asked["nonce"])}


class _Exchange(BaseHTTPRequestHandler):
    server: Any

    def do_GET(self) -> None:
        provider: Provider = self.server.provider
        url = provider.url
        if provider.is_down:
            self._send(503, {})
        elif self.path == "/.well-known/openid-configuration":
            names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
            self._send(200, {"issuer": url, **{name: f"{url}/{path}" for name, path in names.items()}})
        elif self.path == "/jwks":
            public = RSAAlgorithm.to_jwk(provider.published.public_key(), as_dict=True)
            self._send(200, {"keys": [{**public, "kid": "1", "use": "sig"}]})
        else:
            self._send(404, {})

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(content).items()}
        self._send(*self.server.provider.exchange(self.headers.get("Authorization", ""), form))

    def _send(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""
