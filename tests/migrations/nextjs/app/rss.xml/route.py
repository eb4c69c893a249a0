from apiroutes import text


def GET():
    return text("<rss/>", headers={"Content-Type": "application/rss+xml"})
