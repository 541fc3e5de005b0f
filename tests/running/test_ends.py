"""Nothing of a check survives its owner, the Stop button or the zygote's death; and checks run side by side."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inprod.results import Verdict
from inprod.running import Event, client, run_check
from tests.running.test_attacks import CHECK, RIGHT, alive
from tests.support import NoServices, make_exercise, write_answer

KEEPS_DAEMON = '''
import pathlib
from inprod.testing import saw

def test_slow(answer):
    """A server is started, and the check waits."""
    server = answer.start(["python", "answer.py"], timeout=60)
    while "pid" not in server.output():
        assert server.alive
    pathlib.Path({mark!r}).write_text(server.output().split()[1])
    answer.call("answer.py:wait", timeout=60)
'''
SERVER = """
import os, signal, time
def wait():
    while True: time.sleep(60)
if __name__ == "__main__":
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            print("pid", os.getpid(), flush=True)
            wait()
        os._exit(0)
    wait()
"""


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something, with a deadline."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the deadline passed"
        time.sleep(0.01)


def folders() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("inprod-check-*")}


def test_kill_9_of_the_owner_ends_everything(tmp_path: Path) -> None:
    """The guardian sees its owner go, ends a daemon that ignores signals, and removes the folder."""
    mark = tmp_path / "mark"
    make_exercise(tmp_path, KEEPS_DAEMON.format(mark=str(mark)), seconds=30)
    write_answer(tmp_path, SERVER)
    before = folders()
    code = (
        "import sys; from pathlib import Path; from inprod.exercises import load; from inprod.running import run_check;"
        "from tests.support import NoServices; root = Path(sys.argv[1]);"
        "run_check(load(root / 'exercises/00_sample/w0_sample', root), root / 'answers', NoServices())"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[2])
    until(lambda: mark.exists() and mark.read_text(encoding="ascii"), 20)
    daemon = int(mark.read_text(encoding="ascii"))
    assert alive(daemon)
    owner.kill()
    owner.wait(timeout=5)
    until(lambda: not alive(daemon), 3)
    until(lambda: folders() <= before, 3)


def test_the_stop_button_ends_everything_and_the_next_check_works(tmp_path: Path) -> None:
    """KeyboardInterrupt comes out of run_check only when all that was started is gone."""
    mark = tmp_path / "mark"
    exercise = make_exercise(tmp_path, KEEPS_DAEMON.format(mark=str(mark)), seconds=30)
    folder = write_answer(tmp_path, SERVER)
    before = folders()

    def interrupt(_event: Event) -> None:
        if mark.exists() and mark.read_text(encoding="ascii"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_check(exercise, folder, NoServices(), on_event=interrupt)
    assert not alive(int(mark.read_text(encoding="ascii")))
    assert folders() <= before
    after = make_exercise(tmp_path / "next", CHECK)
    assert run_check(after, write_answer(tmp_path, RIGHT), NoServices()).verdict is Verdict.PASS


def test_a_real_interrupt_reaches_nothing_but_the_owner(tmp_path: Path) -> None:
    """SIGINT to the owner's process group, as Jupyter sends it, leaves the zygote unharmed."""
    exercise = make_exercise(tmp_path, CHECK, seconds=30)
    folder = write_answer(tmp_path, "import time\ndef answer():\n    time.sleep(60)\n")
    zygote = client.shared()
    zygote.warm_up()
    pid = zygote.pid
    seen = threading.Event()

    def on_event(_event: Event) -> None:
        seen.set()

    def interrupt() -> None:
        seen.wait(10)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run_check(exercise, folder, NoServices(), on_event=on_event)
    thread.join(timeout=10)
    assert pid is not None
    assert (zygote.pid, alive(pid)) == (pid, True)
    assert os.getpgid(pid) != os.getpgid(0)


def test_a_killed_zygote_is_replaced(tmp_path: Path) -> None:
    """The next check starts a new one by itself."""
    exercise = make_exercise(tmp_path, CHECK)
    folder = write_answer(tmp_path, RIGHT)
    zygote = client.shared()
    assert run_check(exercise, folder, NoServices()).verdict is Verdict.PASS
    assert zygote.pid is not None
    os.kill(zygote.pid, signal.SIGKILL)
    assert run_check(exercise, folder, NoServices()).verdict is Verdict.PASS


def test_a_judge_that_is_killed_is_not_yet_and_never_a_pass(tmp_path: Path) -> None:
    """What was observed stays; what was under way did not pass."""
    check = '''
        import os, signal
        def test_first():
            """The first passes."""
        def test_second():
            """The second never ends well."""
            os.kill(os.getpid(), signal.SIGKILL)
    '''
    report = run_check(make_exercise(tmp_path, check), write_answer(tmp_path, RIGHT), NoServices())
    assert report.verdict is Verdict.NOT_YET
    assert [(o.name, o.key) for o in report.observations] == [("first", ""), ("second", "check-ended")]
    assert "signal 9 (SIGKILL)" in report.observations[1].saw


def test_four_checks_at_once_do_not_meet(tmp_path: Path) -> None:
    """Each gets its own verdict."""
    jobs = []
    for number in range(4):
        root = tmp_path / str(number)
        exercise = make_exercise(root, CHECK)
        jobs.append((exercise, write_answer(root, RIGHT if number % 2 else "def answer():\n    return 0\n")))
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda job: run_check(job[0], job[1], NoServices()), jobs * 3))
    expected = [Verdict.NOT_YET, Verdict.PASS] * 6
    assert [report.verdict for report in reports] == expected


def test_a_seed_replays_a_run(tmp_path: Path) -> None:
    """The same seed gives the same random data; another one, other data."""
    check = '''
        from inprod.testing import saw
        def test_x(rng, seed):
            """X."""
            raise saw("k", did="d", saw="{n}", needs="n", why="w", try_="t", n=[seed, rng.random()])
    '''
    exercise = make_exercise(tmp_path, check)
    folder = write_answer(tmp_path, RIGHT)
    said = [run_check(exercise, folder, NoServices(), seed=seed).observations[0].saw for seed in (7, 7, 8)]
    assert said[0] == said[1]
    assert said[0] != said[2]


def test_events_tell_what_is_observed(tmp_path: Path) -> None:
    """Whoever watches hears each observation begin and end, in the learner's words."""
    events: list[tuple[str, str]] = []
    exercise = make_exercise(tmp_path, CHECK)
    run_check(exercise, write_answer(tmp_path, RIGHT), NoServices(), on_event=lambda e: events.append((e.kind, e.text)))
    spoken = [event for event in events if event[0] != "tick"]
    assert spoken == [("observing", "The answer gives 42."), ("observed", "The answer gives 42.")]


def test_a_full_disk_is_could_not_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be written is the machine's trouble, and the card says where."""
    exercise = make_exercise(tmp_path, CHECK)
    folder = write_answer(tmp_path, RIGHT)
    client.shared().warm_up()
    missing = tmp_path / "no-such-folder"
    monkeypatch.setattr(tempfile, "tempdir", str(missing))
    report = run_check(exercise, folder, NoServices())
    assert report.verdict is Verdict.COULD_NOT_JUDGE
    assert report.problem is not None
    assert "no-such-folder" in report.problem.looked


def test_a_real_full_disk_is_could_not_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on a file system of 64 kB."""
    full = tmp_path / "full"
    full.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(full)], capture_output=True, check=False
    )
    if mounted.returncode:
        # Mounting needs root; the test above shows the same card everywhere.
        return
    try:
        exercise = make_exercise(tmp_path, CHECK, given={"big.txt": "x" * 100_000})
        monkeypatch.setattr(tempfile, "tempdir", str(full))
        report = run_check(exercise, write_answer(tmp_path, RIGHT), NoServices())
        assert report.verdict is Verdict.COULD_NOT_JUDGE
        assert report.problem is not None
        assert "No space left" in report.problem.saw
    finally:
        with contextlib.suppress(OSError):
            subprocess.run(["umount", str(full)], check=False)
