"""Answers that are servers: they listen, log, have workers, and connect only where they may."""

from __future__ import annotations

from pathlib import Path

from inprod.results import Report, Verdict
from inprod.running import run_check
from tests.support import NoServices, make_exercise

SERVER = """\
import os, signal, socket, sys, time
door = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
workers = []
for _n in range(2):
    pid = os.fork()
    if pid == 0:
        if sys.argv[1] == "loud":
            for n in range(60000):
                print("x" * 20, n)
            sys.stdout.flush()
            print("é" * 1000, file=sys.stderr, flush=True)
        while True:
            conn, _peer = door.accept()
            conn.sendall(str(os.getpid()).encode())
            conn.close()
    workers.append(pid)
print("listening", flush=True)
while True:
    pid, status = os.wait()
    print("worker", pid, "ended by", status, file=sys.stderr, flush=True)
"""
HEAD = """
import os, signal, socket
from inprod.testing import CouldNotJudge, saw, wait_until

def port_():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

def must(got, wanted):
    if got != wanted:
        raise saw("wrong", did="d", saw="{got}", needs="{wanted}", why="w", try_="t", got=str(got)[:300], wanted=wanted)

def started(answer, *more):
    port = port_()
    server = answer.start(["python", "answer.py", *more], env={"PORT": str(port)}, timeout=20)
    must(wait_until(lambda: "listening" in server.log(), timeout=10), True)
    return port, server

def ask(port):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as conn:
        return int(conn.recv(100))
"""


def _judge(root: Path, check: str, server: str = SERVER) -> Report:
    exercise = make_exercise(root, HEAD + check, starter=server, seconds=20)
    return run_check(exercise, exercise.starter, NoServices())


def _passes(report: Report) -> None:
    assert report.problem is None
    assert [(o.name, o.saw) for o in report.failed] == []
    assert report.verdict is Verdict.PASS


def test_one_worker_can_be_ended_and_others_serve(tmp_path: Path) -> None:
    """The judge sees the processes, ends one by its number, and reads of it in the log."""
    _passes(
        _judge(
            tmp_path,
            '''
def test_workers(answer):
    """It outlives a worker."""
    port, server = started(answer, "quiet")
    main, *workers = server.children()
    must("answer.py quiet" in main["cmdline"], True)
    must([w["ppid"] for w in workers], [main["pid"]] * 2)
    must(server.signal_pid(workers[0]["pid"], signal.SIGKILL), True)
    must(wait_until(lambda: f"worker {workers[0]['pid']} ended by 9" in server.log(), timeout=5), True)
    must([c["pid"] for c in server.children()], [main["pid"], workers[1]["pid"]])
    must(ask(port), workers[1]["pid"])
    must(server.alive, True)
    server.kill()
    must(wait_until(lambda: not server.alive, timeout=5), True)
    must(server.children(), [])
''',
        )
    )


def test_signals_reach_only_the_answers_processes(tmp_path: Path) -> None:
    """Not the judge, not one of another call."""
    _passes(
        _judge(
            tmp_path,
            '''
def test_reach(answer):
    """It is bounded."""
    _port, one = started(answer, "quiet")
    _port, two = started(answer, "quiet")
    stranger = two.children()[0]["pid"]
    others = (os.getpid(), os.getppid(), stranger, 1, 2**22 - 1)
    must([one.signal_pid(pid, signal.SIGKILL) for pid in others], [False] * 5)
    must((one.alive, two.alive), (True, True))
    must(two.signal_pid(stranger, signal.SIGTERM), True)
    must(wait_until(lambda: not two.alive, timeout=5), True)
''',
        )
    )


def test_the_log_is_whole_and_output_its_end(tmp_path: Path) -> None:
    """Megabytes of it, while it runs and after it has ended; letters are never cut in two."""
    _passes(
        _judge(
            tmp_path,
            '''
def test_log(answer):
    """It logs."""
    _port, server = started(answer, "loud")
    must(wait_until(lambda: server.log().count("é") == 2000, timeout=10), True)
    running = server.log()
    must(running.count("x 59999"), 2)
    must(len(running) > 3_000_000, True)
    must(200_000 < len(server.output()) < 600_000, True)
    server.kill(signal.SIGTERM)
    must(wait_until(lambda: not server.alive, timeout=5), True)
    must(server.log().startswith(running[:1000]), True)
    must(server.log().count("é"), 2000)
''',
        )
    )


def test_no_line_is_lost_where_several_print(tmp_path: Path) -> None:
    """Each process writes to the end of one log: no line lies over another one's."""
    server = """\
import os, signal
for _n in range(4):
    if not os.fork():
        for _line in range(3000):
            os.write(1, b"x" * 199 + b"\\n")
        os._exit(0)
for _n in range(4):
    os.wait()
print("done", flush=True)
signal.pause()
"""
    _passes(
        _judge(
            tmp_path,
            '''
def test_log(answer):
    """It logs."""
    server = answer.start(["python", "answer.py"], timeout=20)
    must(wait_until(lambda: "done" in server.log() or not server.alive, timeout=15), True)
    must(server.log().count("x" * 199 + "\\n"), 12_000)
''',
            server,
        )
    )


def test_extra_ports_open_and_no_others(tmp_path: Path) -> None:
    """What the check names may be reached; its neighbour may not."""
    client = """\
import os, socket, sys
for port in sys.argv[1:]:
    try:
        socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()
        print("open", flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
"""
    _passes(
        _judge(
            tmp_path,
            '''
def test_ports(answer):
    """It connects."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = [door.getsockname()[1] for door in (one, two)]
        argv = ["python", "answer.py", *map(str, ports)]
        must(answer.start(argv, ports=ports[:1]).finish().stdout.split(), ["open", "PermissionError"])
        must(answer.start(argv).finish().stdout.split(), ["PermissionError"] * 2)
''',
            client,
        )
    )


def test_an_answer_can_not_speak_for_its_minder(tmp_path: Path) -> None:
    """Replies that it forges on its own descriptor are not taken for the minder's."""
    forger = """\
import json, os, time
def answer():
    for name in ("log", "children", "reached", "output"):
        os.write(3, json.dumps({name: "forged", "from": "minder"}).encode() + b"\\n")
    print("true", flush=True)
    time.sleep(30)
"""
    _passes(
        _judge(
            tmp_path,
            '''
def test_forged(answer):
    """It lies."""
    with answer.begin("answer.py:answer", [()], timeout=20) as pending:
        pending.go()
        must(wait_until(lambda: pending.log() == "true\\n", timeout=5), True)
        must(pending.output(), "true\\n")
        must(pending.signal_pid(1, signal.SIGTERM), False)
        must(len(pending.children()), 1)
''',
            forger,
        )
    )
