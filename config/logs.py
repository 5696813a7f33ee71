"""Log lines as JSON objects, one each, carrying the id of the request they belong to."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "request",
    "server_time",
    "status_code",
}


class JsonLines(logging.Formatter):
    """One JSON object a line; what a caller passed as `extra` becomes keys of its own."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if held := request_id.get():
            line["request_id"] = held
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def _is_no_health_answer(record: logging.LogRecord) -> bool:
    """A 503 of /healthz is its normal way of saying that something is not up yet."""
    return getattr(record, "status_code", 0) != 503


def configuration(level: str) -> dict[str, Any]:
    """The LOGGING setting: everything to standard error, from `level` up."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "config.logs.JsonLines"}},
        "filters": {"logged_elsewhere": {"()": "django.utils.log.CallbackFilter", "callback": _is_no_health_answer}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.request": {"level": "ERROR", "filters": ["logged_elsewhere"]},  # 4xx are in the line of the request
            "django.server": {"handlers": [], "level": level, "propagate": True},
            "django-q": {"handlers": [], "level": "WARNING", "propagate": True},
        },
    }
