"""What handlers saw, for the test that runs them: a line of JSON for each event."""

import json
import os


def log(**event):
    with open(os.environ["FAULT_LOG"], "a", encoding="utf-8") as file:
        file.write(json.dumps(event) + "\n")
