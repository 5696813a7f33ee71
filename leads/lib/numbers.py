"""Whole numbers as people and browsers write them, and many values as PostgreSQL reads them."""

import re
from collections.abc import Iterable

_WHOLE = re.compile(r"-?[0-9]{1,18}")


def whole(text: str | None) -> int | None:
    """The number `text` is in plain digits, one that fits a big integer; None for everything else."""
    text = (text or "").strip()
    return int(text) if _WHOLE.fullmatch(text) else None


def array_text(values: Iterable[object]) -> str:
    """Numbers or days as PostgreSQL reads an array, None as NULL: the driver writes a list of a thousand in a millisecond, this in a
    tenth. To be cast, as in `%s::bigint[]`.
    """
    return f"{{{','.join('NULL' if one is None else str(one) for one in values)}}}"
