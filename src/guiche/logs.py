"""Logs: one event, one line of JSON on stdout, with the request it belongs to."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

#: Of the request or task at work; None outside of one.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

#: What every record has, and is no field of ours.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
#: JSON escapes the others; these, too, end a line for some who read it.
_BREAKS = {0x7F: "\\u007f", 0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}
#: Loggers of libraries that tell each step at INFO.
_CHATTY = ("httpx", "httpcore", "alembic.runtime.plugins", "alembic.runtime.migration")


class JsonFormatter(logging.Formatter):
    """A record as one line: ts, level, logger, msg, request_id, its extra fields, and exc with the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; line breaks inside are escaped by JSON."""
        event: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "msg": _message(record),
            "request_id": request_id.get(),
        }
        event |= {key: value for key, value in vars(record).items() if key not in _STANDARD and key not in event}
        if record.exc_info and record.exc_info[0] is not None:
            event["exc"] = self.formatException(record.exc_info)
        if record.stack_info:
            event["stack"] = record.stack_info
        # Half of a character can't be encoded, and a line would be lost for it.
        text = json.dumps(event, ensure_ascii=False, default=str).encode(errors="replace").decode()
        return text.translate(_BREAKS)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a mistake in a log call is no reason to lose what it tells
        return f"{record.msg} {record.args}"


def configure(level: str = "INFO") -> None:
    """Send everything to stdout as JSON; an entry point calls this, once, before anything is logged."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def tell_through_root(*names: str) -> None:
    """Take away the handlers that a library gave these loggers, so that its lines look like all others."""
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
