"""Container images without a registry and a daemon: built by buildah, and run in namespaces.

The base image is made of the Python and the few programs of this machine. The packages are files that were
fetched before; the build has no registry.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.client import SECONDS
from tests.support import until

__all__ = ["GET", "Container", "Image", "build", "run", "serving", "why_not"]

ROOT = Path(__file__).parents[2]
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"

_PROGRAMS = {
    "/bin/dash": "/bin/sh",
    **{f"/usr/bin/{name}": f"/usr/bin/{name}" for name in ("env", "install", "rm")},
    "/usr/sbin/useradd": "/usr/sbin/useradd",
}
# Which are loaded by name, and by packages.
_LIBRARIES = ("libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1", "libm.so.6", "libgcc_s.so.1")
_MORE_LIBRARIES = ("libstdc++.so.6", "libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2")
_LEFT_OUT = ("test", "tests", "site-packages", "__pycache__", "idlelib", "tkinter", "config-*")
_ACCOUNTS = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "group": "root:x:0:\n",
    "shadow": "root:*:1::::::\n",
    "gshadow": "root:*::\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def why_not() -> str | None:
    """Return why no image can be built and run here, or None if it can."""
    if shutil.which("buildah") is None:
        return "buildah is not installed"
    if os.geteuid() != 0:
        return "only root may run a container's namespaces without a daemon"
    tried = subprocess.run(["unshare", "-mpfin", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        return f"namespaces are not allowed here: {tried.stderr.strip()}"
    with tempfile.TemporaryDirectory() as directory:
        buildah = Buildah(Path(directory))
        try:
            container = buildah("from", "scratch")
            buildah("mount", container)
            buildah("rm", container)
        except AssertionError as error:
            return f"buildah cannot mount an image here: {error}"
    return None


class Buildah:
    """buildah with images of its own."""

    def __init__(self, directory: Path) -> None:
        places = ["--root", str(directory / "images"), "--runroot", str(directory / "run")]
        self._command = ["buildah", *places, "--storage-driver", "vfs"]

    def __call__(self, *words: str, cwd: Path | None = None) -> str:
        environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        done = subprocess.run(
            [*self._command, *words], capture_output=True, text=True, cwd=cwd, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


@dataclass(frozen=True)
class Image:
    """An image: its files, and the configuration that its Dockerfile has given it."""

    root: Path
    config: Mapping[str, Any]


def build(context: Path, directory: Path) -> Image:
    """Build the Dockerfile in `context`, whose packages are in its directory `wheels`."""
    buildah = Buildah(directory)
    base = buildah("from", "scratch")
    _copy_system(Path(buildah("mount", base)))
    buildah("config", "--env", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", base)
    buildah("run", base, "--", "python", "-m", "ensurepip", "--default-pip")
    buildah("commit", "--quiet", base, f"docker.io/library/python:{PYTHON}-slim")
    buildah("tag", f"docker.io/library/python:{PYTHON}-slim", f"docker.io/library/python:{PYTHON}")
    buildah("rm", base)
    pip = directory / "pip.conf"
    pip.write_text(
        "[global]\nno-index = true\nfind-links = wheels\ndisable-pip-version-check = true\n", encoding="utf-8"
    )
    options = ["--format", "docker", "--pull-never", "--build-arg", f"PYTHON={PYTHON}"]
    buildah("bud", *options, "--volume", f"{pip}:/etc/pip.conf:ro", "--tag", "shop", ".", cwd=context)
    inspected = json.loads(buildah("inspect", "--type", "image", "shop"))
    container = buildah("from", "--pull-never", "shop")
    return Image(Path(buildah("mount", container)), inspected["Docker"]["config"])


def _copy_system(root: Path) -> None:
    """Copy what an image of Python has, as far as the example needs it."""
    library = Path(sys.base_prefix, "lib", f"python{PYTHON}")
    shutil.copytree(library, root / "usr/local/lib" / library.name, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    interpreter = os.path.realpath(sys.executable)
    for program, name in {**_PROGRAMS, interpreter: "/usr/local/bin/python"}.items():
        _copy(program, root, name)
        _copy_libraries(program, root)
    (root / "usr/local/bin/python3").symlink_to("python")
    for extension in library.rglob("lib-dynload/*.so"):
        _copy_libraries(str(extension), root)
    for name in (*_LIBRARIES, *_MORE_LIBRARIES):
        for found in glob.glob(f"/lib/*-linux-gnu/{name}")[:1]:
            _copy(found, root)
    _copy("/etc/login.defs", root)
    for name, content in _ACCOUNTS.items():
        (root / "etc" / name).write_text(content, encoding="utf-8")
    for name in ("tmp", "var/tmp", "root", "proc", "dev"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)


def _copy(source: str, root: Path, place: str | None = None) -> None:
    target = root / (place or source).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copy2(source, target)


def _copy_libraries(program: str, root: Path) -> None:
    shown = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    for library in re.findall(r"(?:=> |^\s*)(/\S+)", shown, re.MULTILINE):
        _copy(library, root)


# -- running

# Its arguments: the host, the port, the path, and the cookies to send.
GET = """
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=25)
connection.request("GET", sys.argv[3], headers={"Cookie": cookie for cookie in sys.argv[4:]})
response = connection.getresponse()
print(response.status, response.getheader("Cache-Status"), response.read().decode())
print(*(cookie.partition(";")[0] for cookie in response.headers.get_all("Set-Cookie", [])))
"""
# Its arguments: the directory of the image, its user and working directory, then the command. Standard input
# has what is mounted, a line each: a kind, a place and options.
_RUN = """
set -e
root=$1 user=$2 directory=$3; shift 3
ip link set lo up
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777,size=64m shm "$root/dev/shm"
while read -r kind place options; do
    mount -t "$kind" -o "$options" container "$root$place"
done
mount -o remount,ro,bind "$root"
exec chroot --userspec="$user" --groups= "$root" /usr/bin/env -C "$directory" -i "$@" < /dev/null
"""


class Container:
    """A running container: process 1 of namespaces, with an image that it cannot write."""

    def __init__(
        self, outer: subprocess.Popen[bytes], image: Image, log: Path, settings: Sequence[str]
    ) -> None:
        self._outer, self._image, self._log, self._settings = outer, image, log, settings

    @property
    def pid(self) -> int | None:
        """The id of its process 1 outside, once there is one."""
        command = ["ps", "--ppid", str(self._outer.pid), "-o", "pid="]
        found = subprocess.run(command, capture_output=True, text=True).stdout.split()
        return int(found[0]) if found else None

    def command(self, *words: str) -> list[str]:
        """Return the command that runs another one in it, as its user, also while process 1 ends."""
        user, _, group = self._image.config["User"].partition(":")
        enter = ["nsenter", "-t", str(self.pid), "-m", "-n", "-i", "--root", "--wd"]
        return [*enter, "--setuid", user, "--setgid", group, "/usr/bin/env", "-i", *self._settings, *words]

    def execute(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as its user."""
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=SECONDS)

    def get(self, path: str, *cookies: str, port: int = 8000, host: str = "127.0.0.1") -> tuple[str, str]:
        """Send a request inside of it; return status, Cache-Status and content in a line, and new cookies."""
        done = self.execute("python", "-c", GET, host, str(port), path, *cookies)
        assert done.returncode == 0, done.stderr
        response, cookie = done.stdout.splitlines()
        return response, cookie

    def is_healthy(self) -> bool:
        """Run the command of its HEALTHCHECK."""
        kind, *words = self._image.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return self.execute(*words).returncode == 0

    def terminate(self) -> None:
        """Send SIGTERM to process 1, as `docker stop` does."""
        pid = self.pid
        assert pid is not None
        os.kill(pid, signal.SIGTERM)

    def wait(self) -> int:
        """Return the exit status of process 1."""
        return self._outer.wait(SECONDS)

    @property
    def has_ended(self) -> bool:
        return self._outer.poll() is not None

    def log(self) -> str:
        return self._log.read_text(errors="replace")


@contextmanager
def run(image: Image, log: Path, mounts: Sequence[str], variables: Mapping[str, str]) -> Iterator[Container]:
    """Run the image's command, with file systems in memory at some places and all else read-only."""
    config = image.config
    settings = [*config["Env"], *(f"{name}={value}" for name, value in variables.items())]
    words = [str(image.root), config["User"], config["WorkingDir"], *settings, *config["Cmd"]]
    with log.open("wb") as output:
        outer = subprocess.Popen(
            ["unshare", "-mpfin", "--kill-child", "bash", "-c", _RUN, "run", *words],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    assert outer.stdin is not None
    with outer.stdin as given:
        given.write("".join(f"{mount}\n" for mount in mounts).encode())
    try:
        container = Container(outer, image, log, settings)
        until(lambda: container.has_ended or container.pid is not None)
        yield container
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(outer.pid, signal.SIGKILL)
        outer.wait()


@contextmanager
def serving(
    image: Image, log: Path, mounts: Sequence[str], variables: Mapping[str, str]
) -> Iterator[Container]:
    """Run the image until it is healthy."""
    with run(image, log, mounts, variables) as container:
        until(lambda: container.has_ended or container.is_healthy())
        assert not container.has_ended, container.log()
        yield container
