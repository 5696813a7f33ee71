"""From changed facts to an offered hand-off: each station pulls what waits for it, so a lost nudge loses nothing."""

from __future__ import annotations

from handoff.actions.opening import open_handoffs
from handoff.routing import route_waiting
from scoring.rescoring import score_dirty


def run_once() -> int:
    """One round of every station; returns how much was done, 0 when nothing waited."""
    return score_dirty() + open_handoffs() + route_waiting()
