from apiroutes import after

sent = []


def send(order):
    sent.append(order)


def POST(body):
    order = body["id"]
    after(send, order)
    return {"id": order}


def GET():
    return sent
