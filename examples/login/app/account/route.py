from users import execute, page


def GET(context):
    return page("account.html", email=context["user"][1], note=context["user"][2])


def POST(context, res, body: dict[str, str]):
    execute("UPDATE users SET note = ? WHERE id = ?", body.get("note", "")[:1000], context["user"][0])
    res.redirect(303, "/account")
