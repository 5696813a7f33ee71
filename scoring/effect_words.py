"""A stored report in the few figures its card shows."""

from dataclasses import dataclass
from typing import Any

DECIDED = ("won", "lost", "rejected")


@dataclass(frozen=True, slots=True)
class Summary:
    """Of a report's JSON: who enters and leaves with how they ended, what passes of each outcome before and after.

    `opening` are the open leads among those who enter. `passes` holds (outcome, passing, all, passing before or None). `why_not`
    alone is set where nothing could be measured.
    """

    why_not: str = ""
    open_leads: int = 0
    qualify: int = 0
    qualified: int | None = None
    opening: int = 0
    entering: int = 0
    leaving: int = 0
    entering_ends: tuple[tuple[str, int], ...] = ()
    leaving_ends: tuple[tuple[str, int], ...] = ()
    passes: tuple[tuple[str, int, int, int | None], ...] = ()


def summary(result: dict[str, Any]) -> Summary:
    """The card's figures of a `PreviewReport.result`."""
    if result.get("why_not") or "draft" not in result:
        return Summary(why_not=result.get("why_not") or "Nothing was measured.")
    draft, live, flips = result["draft"], result.get("live"), result.get("flips")
    before = {row["outcome"]: row["mql"] for row in live["outcomes"]} if live else {}
    passes = tuple(
        (row["outcome"], row["mql"], row["rows"], before.get(row["outcome"]) if live else None)
        for row in draft["outcomes"]
        if row["outcome"] in DECIDED and row["rows"]
    )
    return Summary(
        open_leads=result["basis"]["open_leads"],
        qualify=draft["open_mql"],
        qualified=live["open_mql"] if live else None,
        opening=draft["opening"],
        entering=flips["entering"]["count"] if flips else draft["open_mql"],
        leaving=flips["leaving"]["count"] if flips else 0,
        entering_ends=_ends(flips, "entering"),
        leaving_ends=_ends(flips, "leaving"),
        passes=passes,
    )


def _ends(flips: dict[str, Any] | None, side: str) -> tuple[tuple[str, int], ...]:
    """How those ended who were decided."""
    if not flips:
        return ()
    return tuple((outcome, count) for outcome, count in flips[side]["outcomes"] if outcome in DECIDED)
