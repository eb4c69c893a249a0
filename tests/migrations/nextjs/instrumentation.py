faults = []


def register():
    yield {"started": True, "faults": faults}


def on_request_error(error, request, context):
    faults.append(type(error).__name__)
