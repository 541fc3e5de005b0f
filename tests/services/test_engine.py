"""The Docker engine: where it is looked for, and what is said of one in trouble."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from inprod.errors import ServiceError
from inprod.services import engine, images, pulling
from inprod.services.containers import Containers
from inprod.services.engine import Endpoint
from tests.services import engines

NEEDS = frozenset({"postgres", "redis"})


def test_docker_host_wins_over_the_context(tmp_path):
    """As the docker command does it."""
    engines.context(tmp_path, "colima", "unix:///colima.sock")
    assert engine.resolve({"HOME": str(tmp_path), "DOCKER_HOST": "tcp://a:1"}) == Endpoint("tcp://a:1", "DOCKER_HOST")


def test_the_current_context_is_followed(tmp_path):
    """Colima, Rancher and Docker Desktop put their sockets elsewhere and say so here."""
    engines.context(tmp_path, "colima", "unix:///colima.sock")
    assert engine.resolve({"HOME": str(tmp_path)}) == Endpoint("unix:///colima.sock", "context colima")


def test_docker_config_moves_the_folder(tmp_path):
    """DOCKER_CONFIG names the folder itself, and DOCKER_CONTEXT a context in it."""
    engines.context(tmp_path, "one", "unix:///one.sock")
    engines.context(tmp_path, "two", "unix:///two.sock")
    environ = {"HOME": "/nowhere", "DOCKER_CONFIG": str(tmp_path / ".docker"), "DOCKER_CONTEXT": "one"}
    assert engine.resolve(environ).url == "unix:///one.sock"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"currentContext": "default"}', '{"auths": {}}'])
def test_without_a_context_it_is_the_usual_socket(tmp_path, content):
    """Also where the file is empty, broken or says nothing of contexts."""
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(content)
    assert engine.resolve({"HOME": str(tmp_path)}) == Endpoint(engine.DEFAULT_ENDPOINT, "default")


def test_a_context_that_is_gone_is_told(tmp_path):
    """Its name is known and its endpoint is not."""
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "lost"}')
    found = engine.probe(engine.resolve({"HOME": str(tmp_path)}))
    assert found.state == engine.UNSUPPORTED
    assert "context lost" in found.saw
    assert "docker context use" in found.do


def test_an_absent_socket(tmp_path):
    """No engine is no trouble: the course has other servers."""
    found = engine.probe(Endpoint(f"unix://{tmp_path}/none.sock", "default"))
    assert (found.state, found.answers) == (engine.ABSENT, False)
    assert "none.sock" in found.saw
    assert "the course brings servers" in found.do


def test_a_stale_socket(tmp_path):
    """The file is there and nobody listens."""
    found = engine.probe(Endpoint(engines.stale(tmp_path), "default"))
    assert found.state == engine.STALE
    assert "start Docker" in found.do


def test_a_forbidden_socket(tmp_path):
    """The user is not in the group."""
    with engines.forbidden(tmp_path) as url, engines.as_nobody():
        found = engine.probe(Endpoint(url, "default"))
    assert found.state == engine.DENIED
    assert "usermod -aG docker" in found.do


def test_a_hung_engine_costs_a_second(tmp_path):
    """It takes the connection and says nothing."""
    began = time.monotonic()
    with engines.hung(tmp_path) as url:
        found = engine.probe(Endpoint(url, "default"))
    assert found.state == engine.HUNG
    assert time.monotonic() - began < engine.PROBE_SECONDS + 1
    assert "1 s" in found.saw


def test_an_engine_that_is_still_starting(tmp_path):
    """Docker Desktop answers 503 for a while."""
    with engines.scripted(tmp_path, engines.Script(ping=503)) as url:
        found = engine.probe(Endpoint(url, "default"))
    assert found.state == engine.UNWELL
    assert "503" in found.saw


def test_a_port_that_speaks_something_else():
    """What listens there is no engine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk() -> None:
            connection, _address = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example\r\n")

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        found = engine.probe(Endpoint(f"tcp://127.0.0.1:{listener.getsockname()[1]}", "DOCKER_HOST"))
        thread.join(5)
    assert found.state == engine.UNWELL


def test_a_tcp_port_where_nobody_listens():
    """As stale as a socket file."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert engine.probe(Endpoint(f"tcp://127.0.0.1:{port}", "DOCKER_HOST")).state == engine.STALE


@pytest.mark.parametrize("url", ["ssh://me@far.example", "npipe:////./pipe/docker_engine"])
def test_endpoints_that_we_do_not_reach(url):
    """Said at once, with what to do instead."""
    found = engine.probe(Endpoint(url, "DOCKER_HOST"))
    assert found.state == engine.UNSUPPORTED
    assert url in found.saw
    assert "docker context use default" in found.do


def test_tcp_with_tls_is_refused_before_a_connection(monkeypatch):
    """The certificates are the docker command's business."""
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    assert engine.probe(Endpoint("tcp://127.0.0.1:2376", "DOCKER_HOST")).state == engine.UNSUPPORTED


def test_an_engine_that_answers(tmp_path):
    """And knows which images it has; a slash and a registry's port are part of a name."""
    with engines.scripted(tmp_path, engines.Script(images={"mirror.example:5000/library/redis:8"})) as url:
        assert engine.probe(Endpoint(url, "default")).answers
        assert engine.has_image(url, "mirror.example:5000/library/redis:8")
        assert not engine.has_image(url, "redis:8")


def test_the_images_are_official_unless_named():
    """One file names them; the environment wins; a mirror goes before the official ones only."""
    assert images.images({}) == ("postgres:18-alpine", "redis:8-alpine")
    mirrored = images.images({"INPROD_IMAGE_PREFIX": "mirror.example/library/"})
    assert mirrored == ("mirror.example/library/postgres:18-alpine", "mirror.example/library/redis:8-alpine")
    own = images.images({"INPROD_IMAGE_PREFIX": "mirror.example", "INPROD_REDIS_IMAGE": "mine:1"})
    assert own == ("mirror.example/postgres:18-alpine", "mine:1")


def test_a_missing_image_is_not_pulled_unasked(tmp_path, monkeypatch):
    """The error names the image and the one command that fetches it."""
    script = engines.Script()
    with engines.scripted(tmp_path, script) as url:
        monkeypatch.setenv("DOCKER_HOST", url)
        services = Containers()
        with pytest.raises(ServiceError) as caught:
            services.start(NEEDS)
        services.close()
    assert images.images().postgres in caught.value.what
    assert url in caught.value.looked
    assert "inprod doctor --pull" in caught.value.do
    assert not [request for request in script.asked if request.startswith("POST")]


def test_a_pull_tells_its_megabytes(tmp_path, monkeypatch):
    """Summed over the layers; nothing is told twice."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    layer = [("a", 12_000_000, 100_000_000), ("a", 12_000_001, 100_000_000), ("b", 1_000_000, 50_000_000)]
    events = tuple(
        {"status": "Downloading", "id": name, "progressDetail": {"current": done, "total": total}}
        for name, done, total in layer
    )
    told: list[str] = []
    with engines.scripted(tmp_path, engines.Script(pull_events=events)) as url:
        pulling.pull("mirror.example/redis:8-alpine", url, told.append)
    name = "mirror.example/redis:8-alpine"
    assert told == [f"pulling {name}", f"pulling {name} (12 of 100 MB)", f"pulling {name} (13 of 150 MB)"]


@pytest.mark.parametrize(
    ("trouble", "remedy"),
    [
        ("dial tcp: lookup registry.example: no such host", "docker load"),
        ("pull access denied for postgres, repository does not exist", "docker login"),
        ("toomanyrequests: You have reached your pull rate limit", "mirror"),
        ("manifest for postgres:18-alpine not found: manifest unknown", "name is right"),
    ],
)
@pytest.mark.parametrize("how", ["refusal", "event"])
def test_a_pull_that_fails_has_a_remedy(tmp_path, monkeypatch, trouble, remedy, how):
    """Whether the engine refuses at once or in the middle."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    script = (
        engines.Script(pull_refusal=trouble)
        if how == "refusal"
        else engines.Script(pull_events=({"status": "Pulling", "id": "x"}, {"error": trouble}))
    )
    with engines.scripted(tmp_path, script) as url, pytest.raises(ServiceError) as caught:
        pulling.pull("postgres:18-alpine", url, lambda _text: None)
    assert trouble in caught.value.what
    assert remedy in caught.value.do
