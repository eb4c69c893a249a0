from apiroutes import Event, event_stream


async def numbers():
    for number in range(20):
        yield Event({"number": number})


async def handler():
    return event_stream(numbers())
