"""Why a message was not delivered, and what that means for it and for its destination."""

from __future__ import annotations

from datetime import timedelta
from typing import Any


class Undelivered(Exception):
    """A message was not delivered. `final`: trying again is pointless. `lane`: the destination itself is out of reach.

    `own`: the fault is the message's or ours, and says nothing about the destination. `retry_after`: how long the destination
    asks to be left alone. `gone`: it wants no message ever again. `facts`: what the log keeps of the attempt.
    """

    def __init__(
        self, reason: str, *, final: bool = False, lane: bool = False, own: bool = False, gone: bool = False,
        retry_after: timedelta | None = None, facts: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.lane = lane
        self.own = own
        self.gone = gone
        self.retry_after = retry_after
        self.facts = facts or {}
