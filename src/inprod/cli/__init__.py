"""The command `inprod`: a learner's, an instructor's and a contributor's verbs.

Exit codes: 0 fine, 1 not yet, 2 wrong use, 3 could not judge.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from inprod.cli import parser
from inprod.errors import InprodError
from inprod.messages import LANGUAGE_VARIABLE, _
from inprod.render import json_, text

#: A terminal's "interrupted".
_INTERRUPTED = 130
#: And its "nobody reads on".
_CLOSED_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    options = parser.make().parse_args(arguments)
    if options.lang:
        os.environ[LANGUAGE_VARIABLE] = options.lang.replace("-", "_")
    try:
        return int(options.run(options))
    except InprodError as error:
        if getattr(options, "json", False):
            print(json_.error(error))
        else:
            print(text.error(error), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(_("Stopped."), file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # `inprod … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return _CLOSED_PIPE
