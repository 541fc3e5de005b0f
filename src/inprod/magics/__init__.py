"""What a notebook says to the course.

- `%%answer ID [file]` saves the cell as a file of the answer, then runs the check. An exercise with several
  files has a cell for each; the check runs with the last file in the exercise's order, the others are saved
  and say so. The cell wins over the file: a different older text goes into the history first.
- `%check ID [--seed N]` judges the files as they lie; `%hint ID`, `%solution ID`, `%reset ID`.
- `%progress` draws the map; `%doctor` looks at the machine.
- `%%predict NAME FIELD, FIELD` keeps a guess: the cell has a line `field = value` (or `field: value`) for each;
  with one field alone, the whole cell may be its value. Numbers, `yes` and `no` are understood, all else is text.
- `%reality NAME field=expression, field=expression` in a later cell shows the guess beside what happened; the
  expressions are the notebook's own Python, as in a call; `%reality NAME **mapping` takes them from a dict.
- `%%parsons NAME [file] [--in folder]` holds a program in pieces: a line each, as `A: code`. The learner writes
  the letters into the last line, `order = ?`, and the lines run as they were put, in a process of their own with
  the addresses of this notebook's servers. Lines above the first piece stand on top in any case; `promise: text`
  is a line that the right order prints, `run: command` how the file is run (`python file` if nothing is said),
  and `--in` the notebook's expression for a folder whose files lie beside it.

Errors are cards. Under INPROD_STRICT=1, where outputs are compared, a card has nothing that differs between
two runs, no line moves, and whatever is not a pass is raised, with the card's text in place of a traceback.
"""

from __future__ import annotations

from typing import Any


def load(shell: Any) -> None:
    """Register the magics in `shell`, and start what the first check needs; returns at once, and once is enough."""
    import contextlib

    from inprod import kernel
    from inprod.magics.course import Magics
    from inprod.running import check

    if shell.meta.get("inprod"):
        return
    Magics(shell, kernel.current).register()
    shell.meta["inprod"] = True
    # Trouble here is trouble of the first check, which says it better.
    with contextlib.suppress(Exception):
        check.warm_up()
