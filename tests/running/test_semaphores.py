"""Programs of an answer share semaphores among their processes, though /dev/shm stays shut."""

from __future__ import annotations

from pathlib import Path

from inprod.results import Verdict
from inprod.running import run_check
from tests.support import NoServices, make_exercise

PROGRAM = """\
import mmap, multiprocessing as mp, threading, time

def work(lock, total, gate, n):
    gate.wait()
    for _n in range(n):
        with lock:
            seen = int.from_bytes(total[:4])
            time.sleep(0)
            total[:4] = (seen + 1).to_bytes(4)

def square(n):
    return n * n

if __name__ == "__main__":
    context = mp.get_context("fork")
    lock, gate = context.Lock(), context.Event()
    total = mmap.mmap(-1, 4)
    workers = [context.Process(target=work, args=(lock, total, gate, 300)) for _n in range(4)]
    for worker in workers:
        worker.start()
    gate.set()
    for worker in workers:
        worker.join(10)
    print("total", int.from_bytes(total[:4]))
    with context.Pool(2) as pool:
        print("squares", pool.map(square, range(5)))
    bounded = context.BoundedSemaphore(2)
    print([bounded.acquire(False), bounded.acquire(timeout=0.01), bounded.acquire(timeout=0.01)])
    bounded.release(), bounded.release()
    try:
        bounded.release()
    except ValueError as error:
        print("ValueError", error)
    again = context.RLock()
    with again, again:
        taken = []
        other = threading.Thread(target=lambda: taken.append(again.acquire(timeout=0.01)))
        other.start(), other.join()
    print("taken", taken, again.acquire(False))
    again.release()
    try:
        again.release()
    except AssertionError as error:
        print("AssertionError", error)
    queue = context.Queue()
    queue.put("by queue")
    print(queue.get(timeout=5))
    try:
        open("/dev/shm/inprod-test", "w")
    except PermissionError:
        print("shut")
"""
WANTED = """\
total 1200
squares [0, 1, 4, 9, 16]
[True, True, False]
ValueError semaphore or lock released too many times
taken [False] True
AssertionError attempt to release recursive lock not owned by thread
by queue
shut
"""


def test_locks_pools_and_queues_work_behind_the_walls(tmp_path: Path) -> None:
    """As they do outside; the folder that the whole machine shares stays shut."""
    check = f'''
from pathlib import Path
from inprod.testing import saw

def test_program(answer, tmp_path):
    """It runs."""
    ran = answer.run(["python", "answer.py"], under=tmp_path, timeout=20)
    if ran.stdout != {WANTED!r}:
        raise saw("wrong", did="d", saw="{{got}}", needs="n", why="w", try_="t", got=ran.stdout + ran.stderr)
'''
    exercise = make_exercise(tmp_path, check, starter=PROGRAM, seconds=20)
    report = run_check(exercise, exercise.starter, NoServices())
    assert report.problem is None
    assert [o.saw for o in report.failed] == []
    assert report.verdict is Verdict.PASS
