"""Places on this layer's pages that the hand-off layer fills in its `ready()`: an empty slot leaves its figure out."""

from collections.abc import Callable, Collection
from dataclasses import dataclass


@dataclass(slots=True)
class Slots:
    # Qualified leads the reps can take a week, in all; None where nobody knows.
    weekly_capacity: Callable[[], int | None] | None = None
    # Of leads that would qualify, those who would get no hand-off of their own: why, and how many.
    no_handoff: Callable[[Collection[int]], list[tuple[str, int]]] | None = None

    def capacity(self) -> int | None:
        """What fills the slot says; None where nothing does."""
        return self.weekly_capacity() if self.weekly_capacity else None

    def joining(self, lead_ids: Collection[int]) -> list[tuple[str, int]]:
        return self.no_handoff(lead_ids) if self.no_handoff else []


slots = Slots()
