"""RabbitMQ, a Kafka-protocol broker and Memcached: they answer, leave nothing, and one that is missing is told."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inprod import brokers
from inprod.errors import ServiceError
from inprod.services.programs import Programs
from inprod.testing import wait_until


@pytest.fixture
def programs() -> Iterator[Programs]:
    """Programs of a test's own."""
    found = Programs()
    yield found
    found.close()


@pytest.fixture
def left(programs: Programs) -> Callable[[], set[str]]:
    """A function: the names of what runs for `programs`: by their folder, which nobody else has."""
    ours = str(programs.folder("test").parent)

    def names() -> set[str]:
        found = set()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                where = str((process / "cwd").readlink()) + (process / "environ").read_text(errors="replace")
                if ours in where and process.name != str(os.getpid()):
                    found.add((process / "comm").read_text().strip())
        return found

    return names


def _needs(command: str) -> None:
    if not shutil.which(command):
        pytest.skip(f"not run: no {command} on PATH")


def test_rabbitmq_takes_a_message_and_leaves_nothing(programs: Programs, left: Callable[[], set[str]]) -> None:
    """It confirms a message, listens on this machine alone, and neither it nor its name server stays."""
    _needs("rabbitmq-server")
    import pika

    with pika.BlockingConnection(pika.URLParameters(brokers.rabbitmq(programs))) as connection:
        channel = connection.channel()
        channel.queue_declare("tickets", durable=True)
        channel.confirm_delivery()
        channel.basic_publish("", "tickets", b"one")
        assert channel.queue_declare("tickets", passive=True).method.message_count == 1
    assert {"beam.smp", "epmd"} <= left()
    programs.close()
    assert wait_until(lambda: not left(), timeout=10)


def test_what_lesson_07c_tells_of_rabbitmq_is_so(programs: Programs) -> None:
    """Its cells are not compared: an open message comes back, marked; a refused one is kept, a lost one confirmed."""
    _needs("rabbitmq-server")
    import pika

    where = pika.URLParameters(brokers.rabbitmq(programs))

    def depth(queue: str) -> int:
        with pika.BlockingConnection(where) as asking:
            return int(asking.channel().queue_declare(queue, passive=True).method.message_count)

    first = pika.BlockingConnection(where)
    channel = first.channel()
    channel.confirm_delivery()
    channel.queue_declare("parked", durable=True)
    dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "parked"}
    channel.queue_declare("tickets", durable=True, arguments=dead)
    channel.basic_publish("", "tickets", b"Bruno")
    channel.basic_get("tickets")
    assert depth("tickets") == 0
    first.close()
    assert wait_until(lambda: depth("tickets") == 1, timeout=10)
    with pika.BlockingConnection(where) as second:
        channel = second.channel()
        channel.confirm_delivery()
        again, _properties, _body = channel.basic_get("tickets")
        assert again.redelivered
        channel.basic_reject(again.delivery_tag, requeue=False)
        assert wait_until(lambda: depth("parked") == 1, timeout=10)
        _method, properties, _body = channel.basic_get("parked")
        assert [death["reason"] for death in properties.headers["x-death"]] == ["rejected"]
        channel.basic_publish("", "tikcets", b"Dora")
        with pytest.raises(pika.exceptions.UnroutableError):
            channel.basic_publish("", "tikcets", b"Dora", mandatory=True)


def test_kafka_keeps_what_was_read(programs: Programs, left: Callable[[], set[str]]) -> None:
    """Two groups read the same message; afterwards nothing stays."""
    from confluent_kafka import Consumer, Producer

    address = brokers.kafka(programs)
    producer = Producer({"bootstrap.servers": address})
    producer.produce("tickets", b"one")
    assert producer.flush(10) == 0
    for group in ("mail", "report"):
        about = {"bootstrap.servers": address, "group.id": group, "session.timeout.ms": 6000}
        consumer = Consumer(about | {"auto.offset.reset": "earliest"})
        consumer.subscribe(["tickets"])
        message = consumer.poll(20)
        consumer.close()
        assert message is not None
        assert message.value() == b"one"
    assert left() == {"tansu"}
    programs.close()
    assert wait_until(lambda: not left(), timeout=10)


def test_memcached_keeps_a_value(programs: Programs, left: Callable[[], set[str]]) -> None:
    """It answers on its port; afterwards nothing stays."""
    _needs("memcached")
    host, port = brokers.memcached(programs).split(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(b"set seat 0 0 2\r\n12\r\nget seat\r\n")
        assert wait_until(lambda: b"END" in client.recv(100, socket.MSG_PEEK), timeout=10)
        assert left() == {"memcached"}
        assert client.recv(100) == b"STORED\r\nVALUE seat 0 2\r\n12\r\nEND\r\n"
    programs.close()
    assert wait_until(lambda: not left(), timeout=10)


@pytest.mark.parametrize("start", [brokers.rabbitmq, brokers.memcached, brokers.kafka])
def test_one_that_is_missing_says_what_to_do(
    start: Callable[..., str], programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it was looked for, and the one command that helps."""
    monkeypatch.setattr(brokers, "_RABBITMQ", ("rabbitmq-server",))
    monkeypatch.setattr(brokers, "_RABBITMQ_ELSEWHERE", ())
    monkeypatch.setattr(brokers, "_of_package", lambda *_where: ())
    with pytest.raises(ServiceError) as told:
        start(programs, {"PATH": str(tmp_path)})
    assert "was found" in told.value.what
    assert "PATH" in told.value.looked
    assert "install" in told.value.do


def test_a_server_that_ends_at_once_is_told(programs: Programs, tmp_path: Path) -> None:
    """With its last words."""
    broken = tmp_path / "memcached"
    broken.write_text("#!/bin/sh\necho no memory left\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    with pytest.raises(ServiceError, match="no memory left"):
        brokers.memcached(programs, {"PATH": os.pathsep.join([str(tmp_path), os.defpath])})
