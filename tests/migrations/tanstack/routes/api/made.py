from apiroutes import ApiError, json, redirect, text


def chunks():
    yield "a"
    yield "b"


def GET(response, how: str):
    value = {"a": 1}
    match how:
        case "value":
            return value
        case "json":
            return json(value, status=201, headers={"X-Id": "7"})
        case "text":
            return text("text", status=404)
        case "nothing":
            response.status(204)
            return None
        case "chunks":
            return chunks()
        case "status":
            response.status(202)
            return value
        case "headers":
            response.set_header("X-A", "1")
            response.set_headers({"X-B": "1", "X-C": "2"})
            return value
        case "cookie":
            response.set_cookie("theme", "dark")
            return value
        case "no cookie":
            response.delete_cookie("theme")
            return value
        case "redirect":
            return redirect("/api/a")
        case "missing":
            raise ApiError(404)
        case "taken":
            raise ApiError(409, "Taken")
