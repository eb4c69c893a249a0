"""systemd as process 1 of namespaces of its own, with the units of examples/deployment in it.

The units are the very files. The service runs as its dynamic user, in its sandbox, below /srv/shop. A script
stands in for that of a virtual environment: the interpreter and the packages of the tests are mounted beside
it. Nothing of the machine is written: where units may write are file systems in memory, and /proc/sys is
read-only.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.client import SECONDS
from tests.support import until

__all__ = ["UNITS", "Systemd", "booted"]

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "deployment"
COMMAND = Path("/lib/systemd/systemd")
UNITS = ("shop.service", "shop.socket")

# What units depend on by default, and no more of it: nothing else of the machine is started.
_TARGETS = ("basic", "multi-user", "network", "shutdown", "sockets", "sysinit", "umount", "local-fs", "exit")

_BOOT = """
set -e
mount --make-rprivate /
mount -t proc proc /proc
for place in /run /srv /var/lib /lib/systemd/system-generators; do
    mount -t tmpfs -o mode=755 tmpfs $place
done
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
    mount -t tmpfs tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
fi
mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys
mkdir -p /srv/shop /srv/python /srv/packages /srv/apiroutes /run/units
mount --bind "$1" /srv/shop
mount --bind "$2" /srv/python
mount --bind "$3" /srv/packages
mount --bind "$4" /srv/apiroutes
mount --bind "$5" /run/units
mount --bind "$6" /dev/console
for place in /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs $place; done
export container=tests SYSTEMD_UNIT_PATH=/run/units
exec /lib/systemd/systemd --system --unit=basic.target --log-target=console --show-status=no
"""

_SCRIPT = """#!/bin/sh
export LD_LIBRARY_PATH=/srv/python/lib PYTHONPATH=/srv/apiroutes:/srv/packages
exec /srv/python/bin/python3 /srv/shop/.venv/bin/main.py "$@"
"""
_MAIN = "from apiroutes.cli import main\nmain()\n"


def _why_not() -> str | None:
    """Return why systemd cannot be tried here, or None if it may be."""
    if not COMMAND.exists():
        return "systemd is not installed"
    if os.geteuid() != 0:
        return "only root may start systemd in namespaces of its own"
    tried = subprocess.run(["unshare", "-mpfiunC", "true"], capture_output=True, text=True)
    return None if tried.returncode == 0 else f"namespaces are not allowed here: {tried.stderr.strip()}"


class Systemd:
    """A running systemd."""

    def __init__(self, pid: int, project: Path, directory: Path) -> None:
        self._pid = pid
        self.project = project
        self.socket = Path(f"/proc/{pid}/root/run/shop.sock")
        self.state = Path(f"/proc/{pid}/root/var/lib/private/shop")
        self._log = directory / "units" / "service.log"

    def control(self, *words: str) -> str:
        """Run systemctl, and return what it prints."""
        command = ["nsenter", "-t", str(self._pid), "-m", "-p", "-C", "systemctl", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=2 * SECONDS)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.log()}"
        return done.stdout

    def property(self, name: str) -> str:
        """Return a property of the service."""
        return self.control("show", "--value", "--property", name, "shop.service").strip()

    def user_of(self, pid: str) -> int:
        """Return the user id of a process, by its id in there."""
        command = ["nsenter", "-t", str(self._pid), "-m", "-p", "stat", "-c", "%u", f"/proc/{pid}"]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def log(self) -> str:
        return self._log.read_text(errors="replace")


@contextmanager
def booted(project: Path, directory: Path) -> Iterator[Systemd]:
    """Boot, with the socket listening and the service not running; `project` is at /srv/shop."""
    reason = _why_not()
    if reason is not None:
        pytest.skip(reason)
    units = directory / "units"
    _write_units(units)
    binaries = project / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "main.py").write_text(_MAIN, encoding="utf-8")
    (binaries / "apiroutes").write_text(_SCRIPT, encoding="utf-8")
    (binaries / "apiroutes").chmod(0o755)
    console = directory / "console"
    console.touch()
    with _own_cgroup() as enter:
        places = [project, sys.base_prefix, sysconfig.get_path("purelib"), ROOT, units, console]
        with (directory / "boot.log").open("wb") as output:
            outer = subprocess.Popen(
                ["unshare", "-mpfiunC", "--kill-child", "bash", "-c", _BOOT, "boot", *map(str, places)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=enter,
            )
        try:
            until(lambda: outer.poll() is not None or _child_of(outer.pid) is not None)
            pid = _child_of(outer.pid)
            assert pid is not None, (directory / "boot.log").read_text()
            systemd = Systemd(pid, project, directory)
            until(lambda: outer.poll() is not None or Path(f"/proc/{pid}/root/run/systemd/private").exists())
            systemd.control("start", "shop.socket")
            yield systemd
        finally:
            outer.kill()
            outer.wait()
            with suppress(ProcessLookupError):
                os.killpg(outer.pid, signal.SIGKILL)


def _write_units(units: Path) -> None:
    units.mkdir()
    for name in UNITS:
        shutil.copy(EXAMPLE / name, units)
    for name in _TARGETS:
        (units / f"{name}.target").write_text(f"[Unit]\nDescription={name}\nDefaultDependencies=no\n")
    (units / "shop.service.d").mkdir()
    (units / "service.log").touch()
    # There is no journal.
    log = "[Service]\nStandardOutput=append:/run/units/service.log\nStandardError=inherit\n"
    (units / "shop.service.d" / "log.conf").write_text(log)


@contextmanager
def _own_cgroup() -> Iterator[Callable[[], None]]:
    """Make a control group that is the root of systemd's, and yield what moves a process into it."""
    hierarchy = Path("/sys/fs/cgroup")
    if not (hierarchy / "cgroup.controllers").exists():
        hierarchy /= "systemd"
    group = hierarchy / f"apiroutes-{os.getpid()}"
    group.mkdir()
    try:
        yield partial(_enter, group)
    finally:
        for directory, _, _ in os.walk(group, topdown=False):
            until(lambda: _is_removed(Path(directory)))  # noqa: B023


def _enter(group: Path) -> None:
    (group / "cgroup.procs").write_text("0")


def _is_removed(group: Path) -> bool:
    """Remove a control group, unless a process in it has not ended."""
    try:
        group.rmdir()
    except OSError:
        return False
    return True


def _child_of(pid: int) -> int | None:
    command = ["ps", "--ppid", str(pid), "-o", "pid="]
    found = subprocess.run(command, capture_output=True, text=True).stdout.split()
    return int(found[0]) if found else None
