"""The doctor: what it finds on a machine in trouble, and that each trouble comes with a remedy."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from inprod.errors import ServiceError
from inprod.services import binaries, doctor, images, machine, places
from inprod.services.doctor import Finding
from tests.services import engines


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No Docker, no proxy, nothing demanded: each test adds its own trouble."""
    for name in ("INPROD_BACKEND", "INPROD_POSTGRES_URL", "INPROD_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "all_proxy", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")


def find(name: str) -> Finding:
    """The finding of that name."""
    return next(finding for finding in doctor.examine() if finding.name == name)


def test_a_good_machine_has_nothing_to_repair():
    """Without Docker too: the course brings servers. Nothing needs longer than a moment."""
    began = time.monotonic()
    findings = doctor.examine()
    assert time.monotonic() - began < 10
    assert [finding for finding in findings if not finding.ok] == []
    assert [finding.name for finding in findings if finding.do] == ["Docker"]
    assert find("Servers").saw.startswith("embedded: PostgreSQL 18")
    assert platform.python_version() in find("Python").saw


def test_an_old_python(monkeypatch):
    """It would fail at the first import otherwise."""
    monkeypatch.setattr(machine, "OLDEST_PYTHON", (sys.version_info[0], sys.version_info[1] + 1))
    finding = find("Python")
    assert not finding.ok
    assert f"install Python {sys.version_info[0]}.{sys.version_info[1] + 1}" in finding.do


def test_windows_means_wsl(monkeypatch):
    """Landlock, signals and the servers need Linux."""
    monkeypatch.setattr(sys, "platform", "win32")
    finding = machine._system()
    monkeypatch.undo()
    assert not finding.ok
    assert "wsl --install" in finding.do


def test_little_memory(monkeypatch):
    """Of the container, where one limits us."""
    monkeypatch.setattr(machine, "_memory_bytes", lambda: (300 << 20, 2048 << 20))
    finding = find("Memory")
    assert (finding.ok, finding.saw) == (False, "300 of 2048 MB available")
    assert "1024 MB" in finding.do


def test_a_full_disk(monkeypatch):
    """Each place is told by its own name, with the variable that moves it."""
    monkeypatch.setattr(places, "free_bytes", lambda _folder: 5 << 20)
    for name in ("Disk for the cache", "Disk for sessions", "Disk for your answers"):
        finding = find(name)
        assert not finding.ok
        assert "5 MB free" in finding.saw
        assert "INPROD_CACHE=" in finding.do
    memory = find("Memory disk")
    assert memory.ok
    assert "too small" in memory.saw


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    """A home that somebody else owns; root may write everywhere, so the answer is given for it."""
    closed = tmp_path / "closed"
    closed.mkdir()
    monkeypatch.setenv("INPROD_CACHE", str(closed / "cache"))
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != closed)
    finding = find("Disk for the cache")
    assert not finding.ok
    assert str(closed) in finding.saw
    assert "may not write" in finding.saw


def test_a_folder_that_does_not_exist_yet_is_measured_where_it_will_be(tmp_path, monkeypatch):
    """The nearest folder above."""
    monkeypatch.setenv("INPROD_CACHE", str(tmp_path / "a" / "b" / "c"))
    assert find("Disk for the cache").ok
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_that_catches_our_own_addresses(monkeypatch, variable):
    """Requests to the learner's own application would leave the machine."""
    monkeypatch.setenv(variable, "http://proxy.example:3128")
    finding = find("Proxy")
    assert not finding.ok
    assert variable in finding.saw
    assert "127.0.0.1, localhost" in finding.saw
    assert "NO_PROXY" in finding.do


def test_the_remedy_for_the_proxy_works_in_a_shell(monkeypatch):
    """The line that we print, run as it is."""
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    line = find("Proxy").do.partition("`")[2].rpartition("`")[0]
    code = "from inprod.services import machine; print(machine._proxy().ok)"
    done = subprocess.run(
        ["sh", "-c", f'{line}; exec "{sys.executable}" -c "{code}"'],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == "True"


def test_a_proxy_with_exceptions_is_fine(monkeypatch):
    """As most companies set it."""
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1,.corp")
    assert urllib.request.proxy_bypass("localhost")
    assert find("Proxy").ok


def test_docker_without_its_images(tmp_path, monkeypatch):
    """An offer, since embedded serves; the command that fetches them is named."""
    with engines.scripted(tmp_path, engines.Script(images={images.images().redis})) as url:
        monkeypatch.setenv("DOCKER_HOST", url)
        finding = find("Images")
        servers = find("Servers")
    assert finding.ok
    assert images.images().postgres in finding.saw
    assert images.images().redis not in finding.saw
    assert "inprod doctor --pull" in finding.do
    assert servers.saw.startswith("embedded")


def test_docker_with_its_images_is_chosen(tmp_path, monkeypatch):
    """As `auto` would."""
    with engines.scripted(tmp_path, engines.Script(images=set(images.images()))) as url:
        monkeypatch.setenv("DOCKER_HOST", url)
        assert find("Servers").saw == f"docker: {', '.join(images.images())}"
        doctor.require("docker")
        doctor.require("auto")


def test_docker_that_was_demanded_and_is_absent(monkeypatch):
    """Then it is no offer any more."""
    monkeypatch.setenv("INPROD_BACKEND", "docker")
    assert not find("Docker").ok
    assert not find("Servers").ok
    with pytest.raises(ServiceError) as caught:
        doctor.require("docker")
    assert "No Docker engine" in caught.value.what
    assert caught.value.do


def test_docker_that_was_demanded_without_images(tmp_path, monkeypatch):
    """`require` says which, and how to have it."""
    monkeypatch.setenv("INPROD_BACKEND", "docker")
    with engines.scripted(tmp_path, engines.Script()) as url:
        monkeypatch.setenv("DOCKER_HOST", url)
        assert not find("Images").ok
        with pytest.raises(ServiceError) as caught:
            doctor.require("docker")
    assert images.images().postgres in caught.value.what
    assert "inprod doctor --pull" in caught.value.do


def test_a_backend_that_does_not_exist(monkeypatch):
    """A typing error in the environment."""
    monkeypatch.setenv("INPROD_BACKEND", "dokcer")
    finding = find("Servers")
    assert not finding.ok
    assert "dokcer" in finding.saw
    assert "embedded" in finding.do


def test_no_server_at_all(monkeypatch):
    """Neither wheel nor PATH nor Docker."""

    def none() -> binaries.PostgresBinaries:
        raise ServiceError("No Postgres was found that runs here.", looked="PATH", do="install Postgres")

    monkeypatch.setattr(binaries, "postgres", none)
    assert not find("Postgres").ok
    finding = find("Servers")
    assert (finding.ok, finding.do) == (False, "install Postgres")
    for backend in ("embedded", "auto"):
        with pytest.raises(ServiceError, match="No Postgres"):
            doctor.require(backend)


def test_servers_of_ones_own(monkeypatch):
    """Named by the environment, and each takes a connection."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = one.getsockname()[1], two.getsockname()[1]
        monkeypatch.setenv("INPROD_POSTGRES_URL", f"postgresql://me:secret@127.0.0.1:{ports[0]}/db")
        monkeypatch.setenv("INPROD_REDIS_URL", f"redis://127.0.0.1:{ports[1]}/0")
        finding = find("Servers")
        doctor.require("external")
    assert (finding.ok, finding.saw) == (True, f"external: 127.0.0.1:{ports[0]}, 127.0.0.1:{ports[1]}")


def test_servers_of_ones_own_that_are_down(monkeypatch):
    """The password is in no report."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    monkeypatch.setenv("INPROD_POSTGRES_URL", f"postgresql://me:secret@127.0.0.1:{port}/db")
    finding = find("Servers")
    assert not finding.ok
    assert f"127.0.0.1:{port}" in finding.saw
    assert "secret" not in finding.saw
    with pytest.raises(ServiceError, match="INPROD_POSTGRES_URL"):
        doctor.require("external")


def test_pull_fetches_only_what_is_missing(tmp_path, monkeypatch):
    """And says what was there."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    script = engines.Script(images={images.images().postgres})
    told: list[str] = []
    with engines.scripted(tmp_path, script) as url:
        monkeypatch.setenv("DOCKER_HOST", url)
        doctor.pull(told.append)
        doctor.pull(told.append)
    chosen = images.images()
    here = [f"{chosen.postgres} is here", f"{chosen.redis} is here"]
    assert told == [here[0], f"pulling {chosen.redis}", *here]
    assert script.images == set(chosen)


def test_pull_without_an_engine():
    """There is nothing to pull with."""
    with pytest.raises(ServiceError, match="No Docker engine"):
        doctor.pull(lambda _text: None)


def test_cleanup_removes_the_folders_of_dead_sessions_only(tmp_path, monkeypatch):
    """Ours is alive and stays."""
    monkeypatch.setenv(places.RUNTIME_VARIABLE, str(tmp_path))
    mine = places.session_folder(None)
    gone = subprocess.Popen(["true"])
    gone.wait(timeout=5)
    dead = tmp_path / f"inprod-session-{os.getuid()}-{gone.pid}-1-0123abcd"
    dead.mkdir()
    told: list[str] = []
    assert doctor.cleanup(told.append) == [str(dead)]
    assert told == [f"removed {dead}"]
    assert mine.is_dir()
    assert not dead.exists()
