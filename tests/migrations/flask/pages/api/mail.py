from apiroutes import after

sent = []


def send_mail(address):
    sent.append(address)


def POST(body):
    after(send_mail, body["to"])
    return {"queued": 1}


def GET():
    return sent
