"""Semaphores for an answer's programs: Python asks for them in /dev/shm, which is shared with the whole machine.

The walls keep that folder shut, so programs get semaphores of the kernel's that have no name (eventfd) instead.
Found by Python itself, as it lies on the PYTHONPATH of an answer that is part of a package. Nothing but the
standard library, and nothing where semaphores with names work.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from pathlib import Path
from typing import Any

RECURSIVE_MUTEX = 0
_MOST = 2**31 - 1


class SemLock:
    """What `_multiprocessing.SemLock` is, for processes that are forks of each other."""

    SEM_VALUE_MAX = _MOST

    def __init__(self, kind: int, value: int, maxvalue: int, name: str, unlink: bool = True) -> None:
        self.kind, self.maxvalue, self.name = kind, maxvalue, None
        self.handle = os.eventfd(value, os.EFD_SEMAPHORE | os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._held = 0
        self._holder = 0

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        if self.kind == RECURSIVE_MUTEX and self._is_mine():
            self._held += 1
            return True
        until = None if timeout is None else time.monotonic() + max(timeout, 0)
        while not self._take():
            if not block:
                return False
            left = None if until is None else (until - time.monotonic()) * 1000
            if left is not None and left <= 0:
                return False
            poll = select.poll()
            poll.register(self.handle, select.POLLIN)
            poll.poll(left)
        self._held += 1
        self._holder = threading.get_ident()
        return True

    def release(self) -> None:
        if self.kind == RECURSIVE_MUTEX:
            if not self._is_mine():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if self._held > 1:
                self._held -= 1
                return
        elif self.maxvalue < _MOST and self._get_value() >= self.maxvalue:
            raise ValueError("semaphore or lock released too many times")
        self._held -= 1
        os.eventfd_write(self.handle, 1)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_exc: object) -> None:
        self.release()

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self.handle)

    def _take(self) -> bool:
        try:
            os.eventfd_read(self.handle)
        except BlockingIOError:
            return False
        return True

    def _count(self) -> int:
        return self._held

    def _is_mine(self) -> bool:
        return self._held > 0 and self._holder == threading.get_ident()

    def _get_value(self) -> int:
        text = Path(f"/proc/self/fdinfo/{self.handle}").read_text(encoding="ascii")
        return int(text.partition("eventfd-count:")[2].split()[0], 16)

    def _is_zero(self) -> bool:
        return self._get_value() == 0

    def _after_fork(self) -> None:
        self._held = 0

    @staticmethod
    def _rebuild(*_args: Any) -> SemLock:
        raise OSError("only a fork shares this semaphore")


def install() -> None:
    """Put it in the place of semaphores with names, where those are refused."""
    for module in ("_multiprocessing", "_billiard"):
        with contextlib.suppress(ImportError):
            found: Any = __import__(module)
            try:
                found.SemLock(1, 1, 1, f"/inprod-{os.getpid()}", True)
            except PermissionError:
                found.SemLock = SemLock
            except OSError:
                pass


if hasattr(os, "eventfd"):
    install()
