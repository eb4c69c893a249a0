from users import execute, page


def GET(context):
    _, email, note = context["user"]
    return page("account.html", email=email, note=note)


def POST(context, res, body: dict[str, str]):
    execute("UPDATE users SET note = ? WHERE id = ?", body.get("note", "")[:1000], context["user"][0])
    res.redirect(303, "/account")
