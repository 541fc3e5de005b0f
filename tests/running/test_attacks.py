"""An answer never reaches its judge: what it tries, what the learner is told, what is left."""

from __future__ import annotations

import os
import re
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from inprod.results import Report, Verdict
from inprod.running import run_check
from tests.support import NoServices, make_exercise, write_answer

CHECK = '''
from inprod.testing import saw

def test_one(answer):
    """The answer gives 42."""
    value = answer.call("answer.py:answer", timeout=2.5)
    if value != 42:
        raise saw("wrong", did="Called it.", saw="{value}", needs="42", why="w", try_="t", value=value)
'''
RIGHT = "def answer():\n    return 42\n"
Judge = Callable[[str], Report]


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """Judges a text as the answer, and proves that the next check is unharmed."""
    exercise = make_exercise(tmp_path, CHECK)

    def run(text: str) -> Report:
        report = run_check(exercise, write_answer(tmp_path, text), NoServices(), seed=1)
        after = run_check(exercise, write_answer(tmp_path, RIGHT), NoServices(), seed=1)
        assert after.verdict is Verdict.PASS, after
        return report

    return run


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


ENDS = {
    "endless loop": ("def answer():\n    while True: pass\n", "too-slow", "No result after 2.5 s"),
    "endless sleep": ("import time\ndef answer():\n    time.sleep(999)\n", "too-slow", "No result after 2.5 s"),
    "os._exit": ("import os\ndef answer():\n    os._exit(0)\n", "answer-died", "exit code 0"),
    "os._exit at import": ("import os\nos._exit(0)\n", "answer-died", "exit code 0"),
    "sys.exit": ("import sys\ndef answer():\n    sys.exit(0)\n", "answer-raised", "SystemExit: 0 – answer.py, line 3"),
    "segfault": ("import ctypes\ndef answer():\n    ctypes.string_at(1)\n", "answer-died", "signal 11 (SIGSEGV)"),
    "kill itself": ("import os\ndef answer():\n    os.kill(os.getpid(), 9)\n", "answer-died", "signal 9 (SIGKILL)"),
    "recursion": ("def answer():\n    return answer()\n", "answer-raised", "RecursionError"),
    "2 GB": ("def answer():\n    return len(bytearray(2 * 2**30))\n", "answer-raised", "MemoryError"),
    "50 MB of output": (
        "def answer():\n    for _ in range(50):\n        print('x' * 2**20)\n    return 42\n",
        "too-much-output",
        "16 MB",
    ),
    "a value of 9 MB": ("def answer():\n    return 'x' * 9_000_000\n", "too-much-output", "4 MB"),
    "exception": ("def answer():\n    y = 0\n    return 1 / y\n", "answer-raised", "line 3: return 1 / y"),
    "syntax error": ("def answer():\n    return 4 +\n", "answer-syntax", "answer.py, line 2"),
    "no such name": ("def another():\n    return 42\n", "answer-missing", "answer.py has no `answer`"),
    "not a function": ("answer = 42\n", "answer-missing", "`answer` in answer.py is not a function"),
    "exception whose text raises": (
        "class E(Exception):\n    def __str__(self): raise ValueError\ndef answer():\n    raise E\n",
        "answer-raised",
        "E: …",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_an_answer_that_ends_badly_is_not_yet_with_its_own_line(judge: Judge, name: str) -> None:
    """A crash is the learner's 'not yet', in words that help, within the deadline."""
    text, key, words = ENDS[name]
    began = time.monotonic()
    report = judge(text)
    assert report.verdict is Verdict.NOT_YET
    assert report.observations[0].key == key
    assert words in report.observations[0].saw
    assert time.monotonic() - began < 12  # 2.5 s, two checks, a busy machine


EQUAL = """
class Always:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __repr__(self): return "42"
    def __reduce__(self): return (int, (42,))
def answer():
    return Always()
"""
INT_SUBCLASS = """
class Always(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = int.__hash__
def answer():
    return Always(7)
"""
PATCHED_PYTEST = """
import sys
import pytest
import _pytest.runner, _pytest.python
def nothing(*a, **k): return None
for module in list(sys.modules.values()):
    if getattr(module, "__name__", "").startswith(("_pytest", "pytest", "inprod")):
        for name in list(vars(module)):
            if callable(vars(module)[name]) and not name.startswith("__") and name != "encode":
                try: setattr(module, name, nothing)
                except Exception: pass
def answer():
    return 41
"""
FORGED_LINES = """
import json, os
def answer():
    passed = {"observation": {"name": "one", "verdict": "pass"}}
    for line in (passed, {"end": 0}, {"done": True}, {"end": {"reason": "done"}}):
        for fd in range(3, 30):
            try: os.write(fd, json.dumps(line).encode() + b"\\n")
            except OSError: pass
    return 41
"""
GARBAGE = """
import os
def answer():
    for fd in range(3, 256):
        try: os.write(fd, os.urandom(300) + b"\\n")
        except OSError: pass
    return 41
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(EQUAL, "<Always: 42>", id="always equal"),
        pytest.param(INT_SUBCLASS, "<Always: 7>", id="an int that is always equal"),
        pytest.param(FORGED_LINES, "41", id="forged records"),
        pytest.param(GARBAGE, "41", id="garbage on every descriptor"),
    ],
)
def test_an_answer_cannot_forge_its_verdict(judge: Judge, text: str, words: str) -> None:
    """What an answer returns or writes is only ever its own value."""
    report = judge(text)
    assert (report.verdict, report.observations[0].key) == (Verdict.NOT_YET, "wrong")
    assert words in report.observations[0].saw


def test_a_patched_pytest_harms_only_the_process_that_patched_it(judge: Judge) -> None:
    """The judge is another process: the answer's own result is the only thing that can get lost."""
    assert judge(PATCHED_PYTEST).verdict is Verdict.NOT_YET


REACH = {
    "read check.py": "open('../../check/check.py').read()",
    "read the exercise": "open({exercise!r}).read()",
    "read /etc/shadow": "open('/etc/shadow').read()",
    "list /etc": "__import__('os').listdir('/etc')",
    "write to /tmp": "open('/tmp/inprod-escape', 'w')",
    "write to /dev/shm": "open('/dev/shm/inprod-escape', 'w')",
    "signal the judge's owner": "__import__('os').kill({owner}, 0)",
    "signal its parent": "__import__('os').kill(__import__('os').getppid(), 0)",
    "memory of its parent": "open('/proc/%d/mem' % __import__('os').getppid(), 'rb').read(1)",
    "environment of the owner": "open('/proc/{owner}/environ').read()",
    "descriptors of the owner": "__import__('os').readlink('/proc/{owner}/fd/0')",
    "another TCP port": "__import__('socket').create_connection(('127.0.0.1', {port}), 1)",
    "mount": "mount()",
}  # fmt: skip


MOUNT = """
import ctypes
def mount():
    if ctypes.CDLL(None).mount(b"x", b"/mnt", b"tmpfs", 0, 0):
        raise PermissionError("mount")
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="walls are Linux's")
@pytest.mark.parametrize("name", REACH)
def test_an_answer_is_refused_what_is_not_its_own(judge: Judge, name: str, tmp_path: Path) -> None:
    """Every reach beyond the folder, the servers and its own processes ends in PermissionError."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        expression = REACH[name].format(
            exercise=str(tmp_path / "exercises/00_sample/w0_sample/check.py"), owner=os.getpid(),
            port=server.getsockname()[1],
        )  # fmt: skip
        report = judge(
            f"{MOUNT}def answer():\n    try:\n        {expression}\n    except PermissionError:\n"
            "        return 'refused'\n    return 'reached'\n"
        )
    assert report.observations[0].saw == "refused"


DAEMON = """
import os, signal, time
def answer():
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            os.write(writer, str(os.getpid()).encode())
            while True: time.sleep(60)
        os._exit(0)
    return int(os.read(reader, 20))
"""


def test_a_daemonised_child_ends_with_its_call(judge: Judge) -> None:
    """A child with a session of its own, deaf to INT and TERM, is found and ended."""
    report = judge(DAEMON)
    assert report.verdict is Verdict.NOT_YET
    assert not alive(int(report.observations[0].saw))


FORK_BOMB = """
import os, time
def answer():
    for _ in range(400):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    time.sleep(60)
"""


def test_a_fork_bomb_is_ended(judge: Judge) -> None:
    """More processes than a check may have: ended, and said."""
    report = judge(FORK_BOMB)
    assert report.observations[0].key == "too-many-processes"


GREEDY_CHILDREN = """
import os, time
def answer():
    for _ in range(6):
        if os.fork() == 0:
            block = b"x" * (300 * 2**20)
            time.sleep(60)
    time.sleep(60)
"""


def test_memory_is_counted_over_all_its_processes(tmp_path: Path) -> None:
    """Each child stays below its own limit; together they do not."""
    # Filling 1.8 GB takes its time on a busy machine, so this call has more of it.
    exercise = make_exercise(tmp_path, CHECK.replace("timeout=2.5", "timeout=25"), seconds=28)
    report = run_check(exercise, write_answer(tmp_path, GREEDY_CHILDREN), NoServices(), seed=1)
    assert report.observations[0].key == "too-much-memory"


def test_an_answer_finds_no_expected_value_and_no_secret_of_the_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host was forked before check.py was loaded: its memory holds neither literals nor the environment."""
    monkeypatch.setenv("INPROD_TEST_SECRET", "s3cr3t-" + "of-the-owner")
    exercise = make_exercise(
        tmp_path,
        CHECK.replace("!= 42", '!= "exp3cted-" + "value-of-the-check"').replace(
            'needs="42"', 'needs="marker-in-check-file"'
        ),
    )
    report = run_check(
        exercise,
        write_answer(
            tmp_path,
            """
            def answer():
                found = []
                with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
                    for line in maps:
                        if " rw" not in line: continue
                        low, high = (int(x, 16) for x in line.split()[0].split("-"))
                        try:
                            memory.seek(low)
                            block = memory.read(high - low)
                        except (OSError, ValueError, OverflowError): continue
                        for half, rest in ((b"s3cr3t-", b"of-the-owner"), (b"marker-in-", b"check-file")):
                            if half + rest in block: found.append((half + rest).decode())
                return found
            """,
        ),
        NoServices(),
    )
    # /proc/self/mem may be closed to a non-dumpable process: then nothing can be found either.
    assert report.observations[0].saw in ("[]",) or "PermissionError" in report.observations[0].saw


def test_the_deadline_ends_a_check_that_waits_for_ever(tmp_path: Path) -> None:
    """The observation that was under way says so, later ones are 'not run', and nothing is left."""
    exercise = make_exercise(
        tmp_path,
        '''
        def test_first(answer):
            """The first thing."""
        def test_slow(answer):
            """The slow thing."""
            answer.call("answer.py:answer", timeout=60)
        def test_last(answer):
            """The last thing."""
        ''',
    )
    folder = write_answer(tmp_path, "import time\ndef answer():\n    time.sleep(60)\n")
    began = time.monotonic()
    report = run_check(exercise, folder, NoServices(), deadline=1.0)
    assert time.monotonic() - began < 3
    assert report.verdict is Verdict.NOT_YET
    assert [(o.name, str(o.verdict), o.key) for o in report.observations] == [
        ("first", "pass", ""),
        ("slow", "not yet", "too-slow"),
        ("last", "not run", ""),
    ]


def test_state_does_not_pass_from_call_to_call(tmp_path: Path) -> None:
    """Files and module globals of one call are gone in the next."""
    exercise = make_exercise(
        tmp_path,
        '''
        from inprod.testing import saw
        def test_calls(answer):
            """Calls are alone."""
            values = [answer.call("answer.py:answer") for _ in range(3)]
            raise saw("values", did="d", saw="{values}", needs="n", why="w", try_="t", values=values)
        ''',
    )
    text = """
        from pathlib import Path
        count = 0
        def answer():
            global count
            count += 1
            file = Path("count")
            file.write_text((file.read_text() if file.exists() else "") + "x")
            return [count, file.read_text()]
    """
    report = run_check(exercise, write_answer(tmp_path, text), NoServices())
    assert report.observations[0].saw == "[[1, 'x'], [1, 'x'], [1, 'x']]"


def test_a_broken_check_is_could_not_judge(tmp_path: Path) -> None:
    """A fault of the course never counts against the learner."""
    exercise = make_exercise(tmp_path, 'def test_x(answer):\n    """X."""\n    assert 1 == 2\n')
    report = run_check(exercise, write_answer(tmp_path, RIGHT), NoServices())
    assert report.verdict is Verdict.COULD_NOT_JUDGE
    assert report.problem is not None
    assert "AssertionError" in report.problem.saw
    assert "check.py:3" in report.problem.saw


@pytest.mark.parametrize(
    "text", ["def test_x(:\n", "import nothing_of_this_name\n", ""], ids=["syntax", "import", "empty"]
)
def test_a_check_without_observations_is_could_not_judge(tmp_path: Path, text: str) -> None:
    """A check that cannot be loaded, or that watches nothing, proves nothing."""
    report = run_check(make_exercise(tmp_path, text), write_answer(tmp_path, RIGHT), NoServices())
    assert report.verdict is Verdict.COULD_NOT_JUDGE


def test_links_in_an_answer_are_refused(tmp_path: Path) -> None:
    """A link could point at a solution; it is not followed."""
    exercise = make_exercise(tmp_path, CHECK)
    secret = tmp_path / "secret.py"
    secret.write_text(RIGHT, encoding="utf-8")
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / "answer.py").symlink_to(secret)
    report = run_check(exercise, folder, NoServices())
    assert report.verdict is Verdict.COULD_NOT_JUDGE
    assert report.problem is not None
    assert re.search(r"answer\.py is not a plain file", report.problem.saw)


def test_a_missing_file_comes_from_the_starter(tmp_path: Path) -> None:
    """An answer that was never written is judged as the starter is."""
    exercise = make_exercise(tmp_path, CHECK, starter=textwrap.dedent("def answer():\n    return 7\n"))
    report = run_check(exercise, tmp_path / "nowhere", NoServices())
    assert report.observations[0].saw == "7"
