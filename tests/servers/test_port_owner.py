"""Who listens on a port, read from a tree like Linux's /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from apiroutes.servers.port_owner import owner_of

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ANY = "00000000:0000"


def line(address: str, state: str, inode: int) -> str:
    return (
        f"   0: {address} {ANY} {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0\n"
    )


def proc(root: Path, tcp: str, tcp6: str, processes: dict[int, tuple[bytes, Iterable[int]]]) -> Path:
    (root / "net").mkdir()
    (root / "net" / "tcp").write_text(HEAD + tcp)
    (root / "net" / "tcp6").write_text(HEAD + tcp6)
    for pid, (command, inodes) in processes.items():
        (root / str(pid) / "fd").mkdir(parents=True)
        (root / str(pid) / "cmdline").write_bytes(command)
        for number, inode in enumerate(inodes):
            os.symlink(f"socket:[{inode}]", root / str(pid) / "fd" / str(number))
    return root


PORT = 8000  # 1F40
LISTENING = line("0100007F:1F40", "0A", 77)
SERVER = (b"python\0-m\0http.server\0", (5, 77))

# The tables of IPv4 and IPv6, the processes, and who listens.
TABLES = [
    (LISTENING, "", {4711: SERVER}, "`python -m http.server` (pid 4711)"),
    ("", line("0" * 32 + ":1F40", "0A", 77), {4711: SERVER}, "`python -m http.server` (pid 4711)"),
    (LISTENING, "", {9: SERVER, 10: SERVER, 2: (b"other\0", (3,))}, "`python -m http.server` (pid 9)"),
    (LISTENING, "", {4711: (b"other\0", (3,))}, None),
    (LISTENING, "", {}, None),
    (line("0100007F:1F40", "01", 77), "", {4711: SERVER}, None),  # a connection
    (line("0100007F:1F41", "0A", 77), "", {4711: SERVER}, None),
    ("broken\n", "", {4711: SERVER}, None),
    (LISTENING, "", {4711: (b"a\x1b[31m\nb\0", (77,))}, "`a?[31m?b` (pid 4711)"),
    (
        LISTENING,
        "",
        {
            4711: (
                b"/home/me/some/long/project/venv/bin/python3\0/home/me/some/long/project/venv/bin/apiroutes\0"
                b"dev\0--root\0/home/me/some/long/project\0--port\0" + b"8000\0",
                (77,),
            )
        },
        "`python3 apiroutes dev --root project --port 8000` (pid 4711)",
    ),
    (LISTENING, "", {4711: (b"/\0a/b/\0--x=/c/d\0", (77,))}, "`/ b/ --x=d` (pid 4711)"),
    (
        LISTENING,
        "",
        {4711: (b"nginx: master process /usr/sbin/nginx -g daemon\0", (77,))},
        "`nginx: master process nginx -g daemon` (pid 4711)",
    ),
    (LISTENING, "", {4711: (b"gunicorn\0http://a/b\0", (77,))}, "`gunicorn http://a/b` (pid 4711)"),
    (LISTENING, "", {4711: (b"x" * 200, (77,))}, f"`{'x' * 60}…` (pid 4711)"),
]


@pytest.mark.parametrize(("tcp", "tcp6", "processes", "owner"), TABLES)
def test_the_process_that_listens_is_named(
    tmp_path: Path,
    tcp: str,
    tcp6: str,
    processes: dict[int, tuple[bytes, Iterable[int]]],
    owner: str | None,
) -> None:
    assert owner_of(PORT, proc(tmp_path, tcp, tcp6, processes)) == owner


def test_without_such_a_tree_nobody_is_named(tmp_path: Path) -> None:
    assert owner_of(PORT, tmp_path / "none") is None
