"""The first start's demonstration year while it is being written: a mark in the portal's folder, and the page people see meanwhile.

The mark is made before the first row and removed after the last, so one that is found at a start tells of a year that broke off.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from config.middleware import GetResponse


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of the year is told, from 0 to 1, and up to when in words."""

    share: float
    until: str


def mark() -> Path:
    return Path(settings.VAR_DIR) / "filling.json"


def note(progress: Progress) -> None:
    """Begins the mark or moves it on; whoever reads it meanwhile gets the old one or the new one, whole."""
    aside = mark().with_suffix(".new")
    aside.write_text(json.dumps(asdict(progress)))
    os.replace(aside, mark())


def end() -> None:
    mark().unlink(missing_ok=True)


def progress() -> Progress | None:
    """None when nothing is being filled."""
    try:
        return Progress(**json.loads(mark().read_text()))
    except FileNotFoundError:
        return None


class WhileFilling:
    """Answers every page with how far the year is, 503 until it is whole; a server started without a mark never looks again."""

    def __init__(self, get_response: GetResponse) -> None:
        if not mark().exists():
            raise MiddlewareNotUsed
        self.get_response = get_response
        self.over = False

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        found = None if self.over else progress()
        if found is None:
            self.over = True
            return self.get_response(request)
        answer = render(request, "filling.html", {"percent": round(100 * found.share), "until": found.until}, status=503)
        answer["Retry-After"] = "2"
        answer["Cache-Control"] = "no-store"
        return answer
