"""Images go onto a stick and come back under their names; a room without Docker is no error."""

from __future__ import annotations

import os
from pathlib import Path

import docker
import pytest

from inprod.errors import ServiceError
from inprod.services import carried, engine, images, open_services
from inprod.services.base import REDIS
from tests.services import engines


def test_a_file_name_is_one_word() -> None:
    assert carried.file_name("mirror.example:5000/library/postgres:18-alpine") == (
        "mirror.example-5000-library-postgres-18-alpine.tar"
    )


def test_without_an_engine_nothing_is_carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and neither saving nor loading fails."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    said: list[str] = []
    assert carried.save(tmp_path / "stick", said.append) == []
    assert "No Docker engine" in said[0]
    assert not (tmp_path / "stick").exists()
    assert carried.load(tmp_path / "stick", said.append) == []


def test_an_image_that_docker_lacks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that fetches it; nothing half-written stays."""
    said: list[str] = []
    with engines.scripted(tmp_path, engines.Script()) as url:
        monkeypatch.setenv("DOCKER_HOST", url)
        assert carried.save(tmp_path / "stick", said.append) == []
    assert [line for line in said if "inprod doctor --pull" in line] == said
    assert len(said) == 2


@pytest.mark.docker
def test_saved_and_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that is gone comes back from its file, under its name."""
    client = docker.from_env()
    stick, said = tmp_path / "stick", list[str]()
    name = f"inprod-test/carried-{os.getpid()}:1"
    assert client.images.get(images.images().redis).tag(name)
    try:
        monkeypatch.setenv(images.REDIS_VARIABLE, name)
        written = carried.save(stick, said.append)
        assert stick / carried.file_name(name) in written
        assert carried.load(stick, said.append) == []  # it is here
        client.images.remove(name)
        assert not engine.has_image(engine.resolve().url, name)
        assert carried.load(stick, said.append) == [name]
        assert engine.has_image(engine.resolve().url, name)
        (stick / carried.file_name(name)).unlink()
        client.images.remove(name)
        assert carried.load(stick, said.append) == []  # nobody carried it
    finally:
        if engine.has_image(engine.resolve().url, name):
            client.images.remove(name)
        client.close()


def test_offline_nothing_is_pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker was demanded and has no image: without `--offline` it is pulled, with it the remedy is told."""
    monkeypatch.setenv("INPROD_OFFLINE", "1")
    script = engines.Script(pull_refusal="no network")
    with engines.scripted(tmp_path, script) as url:
        monkeypatch.setenv("DOCKER_HOST", url)
        with pytest.raises(ServiceError, match="does not have the image"):
            open_services("docker").start(frozenset({REDIS}))
        assert not [line for line in script.asked if line.startswith("POST")]
        monkeypatch.delenv("INPROD_OFFLINE")
        with pytest.raises(ServiceError, match="can't be fetched"):
            open_services("docker").start(frozenset({REDIS}))
        assert [line for line in script.asked if line.startswith("POST")]
