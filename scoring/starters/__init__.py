"""Models to start from, as data: each file is the content of a spec, with a label and a sentence about it."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from leads.errors import NotFound


@dataclass(frozen=True, slots=True)
class Starter:
    key: str
    label: str
    about: str
    content: dict[str, Any]


@cache
def starters() -> dict[str, Starter]:
    """All models to start from, by key, the plainest last."""
    found = {}
    for key in ("fit_engagement", "bant", "empty"):
        data = json.loads((Path(__file__).parent / f"{key}.json").read_text(encoding="utf-8"))
        label, about = data.pop("label"), data.pop("about")
        found[key] = Starter(key, label, about, data)
    return found


def starter(key: str) -> Starter:
    """The starter with this key; raises NotFound."""
    try:
        return starters()[key]
    except KeyError:
        raise NotFound(f"There is no model to start from called “{key}”.") from None
