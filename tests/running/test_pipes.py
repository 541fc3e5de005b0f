"""A connection whose other side is gone is an OSError for judge and answer, not their death."""

from __future__ import annotations

from pathlib import Path

from inprod.results import Verdict
from inprod.running import run_check
from tests.support import NoServices, make_exercise, write_answer


def test_an_answer_survives_a_closed_connection(tmp_path: Path) -> None:
    """Writing to a socket whose other end is closed raises BrokenPipeError, as in every Python."""
    exercise = make_exercise(
        tmp_path,
        """
        def test_it(answer):
            '''It raises.'''
            assert answer.call("answer.py:answer") == "BrokenPipeError"
        """,
    )
    folder = write_answer(
        tmp_path,
        """
        import socket

        def answer():
            ours, theirs = socket.socketpair()
            theirs.close()
            try:
                ours.sendall(b"x")
            except OSError as error:
                return type(error).__name__
        """,
    )
    report = run_check(exercise, folder, NoServices())
    assert report.verdict is Verdict.PASS, report


def test_a_check_may_ask_an_answer_that_has_ended(tmp_path: Path) -> None:
    """Orders to a process that is gone do nothing, and the check goes on."""
    exercise = make_exercise(
        tmp_path,
        """
        from inprod.testing import wait_until

        def test_it(answer):
            '''It goes on.'''
            pending = answer.begin("answer.py:answer", [()])
            pending.go()
            assert wait_until(lambda: not pending.alive, timeout=10)
            for _n in range(3):
                pending.go()
                pending.kill()
            assert "" == pending.output()
        """,
    )
    report = run_check(exercise, exercise.starter, NoServices())
    assert report.verdict is Verdict.PASS, report


def test_a_suite_writes_to_its_own_temporary_folder(tmp_path: Path) -> None:
    """An answer's tests run with pytest's own plugins alone, and tempfile works in them."""
    exercise = make_exercise(
        tmp_path,
        """
        def test_it(answer):
            '''Two pass.'''
            suite = answer.pytest("answer.py")
            assert suite.green and suite.passed == 2, suite
        """,
    )
    folder = write_answer(
        tmp_path,
        """
        import tempfile
        import unittest

        class TestIt(unittest.TestCase):
            def test_a(self):
                with tempfile.TemporaryFile() as file:
                    file.write(b"x")

        def test_b(request):
            assert not request.config.pluginmanager.hasplugin("nbval")
        """,
    )
    report = run_check(exercise, folder, NoServices())
    assert report.verdict is Verdict.PASS, report
