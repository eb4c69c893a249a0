import io
import json as standard
from pathlib import Path

from werkzeug import Response
from werkzeug.exceptions import abort
from werkzeug.utils import safe_join

from apiroutes import ApiError, file, html, json, redirect, stream, text

DIRECTORY = str(Path(__file__).parent)
seen = []


def generate(req):
    yield "name\n"
    yield req.args["how"]


def mark(res):
    res.set_header("X-Marked", "1")


def GET(req, res, how: str):
    value = {"a": 1}
    match how:
        case "text":
            return "text"
        case "html":
            return html("<h1>Hi</h1>")
        case "value":
            return value
        case "status":
            return json(value, status=201)
        case "headers":
            return json(value, status=201, headers={"X-Id": "7"})
        case "plain":
            return text("gone", status=410)
        case "empty":
            res.status(204)
            return None
        case "header":
            res.set_header("X-Id", "7")
            return value
        case "cookie":
            res.set_cookie("theme", "dark", httponly=False)
            return value
        case "no cookie":
            res.delete_cookie("theme")
            return value
        case "response":
            return Response(standard.dumps(value), status=203, mimetype="application/json")
        case "stream":
            return stream(generate(req), headers={"Content-Type": "text/csv"})
        case "redirect":
            return redirect("/api/hello", status=302)
        case "file":
            return file(f"{DIRECTORY}/hello.py", as_attachment=True, download_name="hello.txt")
        case "buffer":
            buffer = io.BytesIO(b"name\n")
            return stream(buffer, headers={"Content-Type": "text/csv"})
        case "safe file":
            return file(safe_join(DIRECTORY, req.args["name"]) or abort(404))
        case "abort":
            raise ApiError(409, "Taken")
        case "werkzeug":
            abort(409, "Taken")
        case "abort with a response":
            abort(Response("Teapot", status=418))
        case "before head":
            res.before_head(mark)
            return value
        case "flash":
            req.session.setdefault("flashes", []).append("Saved")
            return value
        case "flashed":
            return req.session.pop("flashes", [])
