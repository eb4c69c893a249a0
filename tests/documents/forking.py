"""Serves projects as `apiroutes dev` does, in forks of this process, which has imported the framework.

In: a line of JSON for each server: its directory, port, environment, and the file for what it prints. Out: a
line with the number of its process, which serves until it is killed. It runs as a program by itself.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from werkzeug.serving import ThreadedWSGIServer

from apiroutes import App
from apiroutes.development.application import load_application
from apiroutes.development.threaded_server import QuietHandler


def serve(asked: dict[str, Any]) -> None:
    """Serve the project in the directory that `asked` names."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(asked["environ"])
    os.chdir(asked["directory"])
    application = load_application(Path(), lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    if isinstance(application, App):
        application.start()
    server = ThreadedWSGIServer("127.0.0.1", asked["port"], application, QuietHandler)
    os.write(2, b"Ready in 0 ms\n")
    server.serve_forever()


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    for line in sys.stdin:
        process = os.fork()
        if not process:
            try:
                serve(json.loads(line))
            finally:
                os._exit(1)
        os.write(1, b"%d\n" % process)


if __name__ == "__main__":
    main()
