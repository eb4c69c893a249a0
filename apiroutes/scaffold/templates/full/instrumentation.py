"""What happens once in each worker, before its first request and after its last one."""

from contextlib import closing

from lib.database import connect, migrate


def register() -> None:
    migrate()


def ping() -> None:
    with closing(connect()) as db:
        db.execute("SELECT 1 FROM sqlite_schema")


# /ready answers 200 while none of them raises.
checks = {"database": ping}
