from apiroutes import Event, event_stream


def handler():
    return event_stream(Event({"number": number}) for number in range(20))
