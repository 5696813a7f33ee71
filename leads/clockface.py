"""What a running clock shows: a state, words for it, and enough numbers for the browser to count on alone.

The server knows business hours, the browser does not: it gets the seconds left and the instant until which they run.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

State = Literal["overdue", "soon", "today", "track", "paused", "tried", "done"]

SOON_SECONDS = 30 * 60
WORDS: dict[State, str] = {
    "overdue": "Overdue",
    "soon": "Due now",
    "today": "Due today",
    "track": "On track",
    "paused": "Paused",
    "tried": "Tried",
    "done": "Accepted",
}
ICONS: dict[State, str] = {
    "overdue": "octagon",
    "soon": "alarm",
    "today": "clock",
    "track": "check",
    "paused": "pause",
    "tried": "phone",
    "done": "tick",
}


@dataclass(frozen=True, slots=True)
class ClockFace:
    """One clock as of now. `left` and `total` are seconds of the promise's own time; `left` is negative when overdue.

    `resumes_at` is when a clock goes on that stands still now, as nobody works; `held_until` when one goes on that a person put on
    hold. `may_hold` says whether it could be.
    """

    state: State
    due_at: datetime | None = None
    left: int = 0
    total: int = 0
    runs_until: datetime | None = None
    resumes_at: datetime | None = None
    word: str = ""
    held_until: datetime | None = None
    may_hold: bool = False

    @property
    def text(self) -> str:
        """The state in one or two words."""
        return self.word or WORDS[self.state]

    @property
    def icon(self) -> str:
        return ICONS[self.state]

    @property
    def is_running(self) -> bool:
        return self.state in ("overdue", "soon", "today", "track")

    @property
    def used(self) -> int:
        """Percent of the promised time that is gone, 0 to 100."""
        if self.state == "overdue":
            return 100
        if self.total <= 0:
            return 0
        return max(0, min(100, round(100 * (self.total - self.left) / self.total)))

    @property
    def countdown(self) -> str:
        """ "46m", "+2h 33m" when overdue, "" when nothing counts."""
        if not self.is_running:
            return ""
        return ("+" if self.left < 0 else "") + spoken(abs(self.left))


def state_of(left: int, *, due_today: bool) -> State:
    """The state of a running clock with `left` seconds of its own time to go."""
    if left < 0:
        return "overdue"
    if left < SOON_SECONDS:
        return "soon"
    return "today" if due_today else "track"


def spoken(seconds: int) -> str:
    """A length of time in the two largest units: "45s", "12m", "3h 16m", "120h"."""
    if seconds < 60:
        return f"{seconds}s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours < 100 else f"{hours}h"
