"""The small steps of reading JSON: where one stands, and refusals that name the place and the value."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from leads.errors import Invalid

KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
MAX_POINTS = 1000
MAX_SUM = 1_000_000
MAX_DAYS = 3650
MAX_COUNT = 65_535


@dataclass(frozen=True, slots=True)
class At:
    """Where in a model something stands: in words for people, as a path for programs."""

    words: str
    path: str

    def into(self, step: str | int) -> "At":
        joint = f"[{step}]" if isinstance(step, int) else f".{step}" if self.path else str(step)
        return At(self.words, self.path + joint)

    def refuse(self, problem: str, *, code: str, value: object = None, expected: str = "") -> NoReturn:
        said = f"{problem}.{f' Expected: {expected}.' if expected else ''}"
        here = said[0].upper() + said[1:]
        raise Invalid(f"{self.words}: {said}", code=code, field=self.path, value=value, expected=expected, here=here)


def _quoted(data: object) -> str:
    return "nothing" if data in (None, "") else f"“{data}”"


def an_object(at: At, data: object, *, required: Sequence[str] = (), optional: Sequence[str] = ()) -> dict[str, Any]:
    if not isinstance(data, dict):
        at.refuse("this must be an object", code="wrong_shape", value=data, expected="a JSON object")
    for name in data:
        if name not in required and name not in optional:
            at.into(str(name)).refuse(
                f"nothing here is called “{name}”", code="unknown_key", value=name, expected=", ".join((*required, *optional))
            )
    for name in required:
        if data.get(name) is None:
            at.into(name).refuse(f"“{name}” is missing", code="missing", expected=name)
    return {name: value for name, value in data.items() if value is not None}


def a_list(at: At, data: object, *, most: int, least: int = 0) -> list[Any]:
    if not isinstance(data, list):
        at.refuse("this must be a list", code="wrong_shape", value=data, expected="a JSON list")
    if not least <= len(data) <= most:
        at.refuse(
            f"{len(data)} entries do not fit" if data else "nothing is given",
            code="wrong_length",
            value=len(data),
            expected=f"{least} to {most} entries",
        )
    return data


def a_whole(at: At, data: object, low: int, high: int) -> int:
    if isinstance(data, bool) or not isinstance(data, int) or not low <= data <= high:
        at.refuse(
            f"{_quoted(data)} is not a whole number that fits",
            code="wrong_number",
            value=data,
            expected=f"a whole number from {low} to {high}",
        )
    return data


def maybe_whole(at: At, data: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    value = data.get(name)
    return None if value is None else a_whole(at.into(name), value, low, high)


def a_text(at: At, data: object, *, most: int = 200) -> str:
    if not isinstance(data, str) or not data.strip() or len(data) > most:
        at.refuse(
            f"{_quoted(data)} is not a fitting text", code="wrong_text", value=data, expected=f"a text of 1 to {most} characters"
        )
    return data.strip()


def a_key(at: At, data: object) -> str:
    if not isinstance(data, str) or not KEY.fullmatch(data):
        at.refuse(
            f"{_quoted(data)} is not a fitting key",
            code="wrong_key",
            value=data,
            expected="small letters, digits and _, a letter first, at most 40",
        )
    return data


def one_of(at: At, data: object, allowed: Sequence[str]) -> str:
    if data not in allowed:
        at.refuse(f"{_quoted(data)} is not possible here", code="not_a_choice", value=data, expected=", ".join(allowed))
    return cast("str", data)
