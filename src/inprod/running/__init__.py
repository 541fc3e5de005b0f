"""Judging: one function, `run_check`, and what it needs warm."""

from inprod.running.check import Event, run_check, warm_up

__all__ = ["Event", "run_check", "warm_up"]
