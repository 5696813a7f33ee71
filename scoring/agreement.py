"""How far two judges agree: counts, share, and Cohen's kappa."""

from collections.abc import Iterable
from dataclasses import dataclass

SMALL = 30  # fewer pairs are shown as counts only


@dataclass(frozen=True, slots=True)
class Agreement:
    """Pairs of yes and no by two judges."""

    both: int = 0
    neither: int = 0
    only_first: int = 0
    only_second: int = 0

    @property
    def rows(self) -> int:
        return self.both + self.neither + self.only_first + self.only_second

    @property
    def alike(self) -> int:
        return self.both + self.neither

    @property
    def share(self) -> float | None:
        """Of pairs that are alike; None where there are too few to say."""
        return None if self.rows < SMALL else self.alike / self.rows

    @property
    def kappa(self) -> float | None:
        """Agreement beyond chance, 1 at best, 0 as chance has it (J. Cohen, Educational and Psychological Measurement 20, 1960).

        None where there are too few pairs, or where chance alone makes all alike.
        """
        rows = self.rows
        if rows < SMALL:
            return None
        first, second = (self.both + self.only_first) / rows, (self.both + self.only_second) / rows
        chance = first * second + (1 - first) * (1 - second)
        return None if chance == 1 else (self.alike / rows - chance) / (1 - chance)


def agreement(pairs: Iterable[tuple[bool, bool]]) -> Agreement:
    counts = {(one, other): 0 for one in (True, False) for other in (True, False)}
    for pair in pairs:
        counts[pair] += 1
    return Agreement(counts[True, True], counts[False, False], counts[True, False], counts[False, True])
