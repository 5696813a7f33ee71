"""Whole numbers as people and browsers write them."""

import re

_WHOLE = re.compile(r"-?[0-9]{1,18}")


def whole(text: str | None) -> int | None:
    """The number `text` is in plain digits, one that fits a big integer; None for everything else."""
    text = (text or "").strip()
    return int(text) if _WHOLE.fullmatch(text) else None
