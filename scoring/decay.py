"""The weights by which an event's points fade with age: one table for every evaluator, whole numbers only."""

from functools import lru_cache
from hashlib import sha256
from math import floor

FULL = 1000  # the weight of an event of today, in thousandths
MAX_DAYS = 3650
# `checksum()` of half-lives of 1 to 30 days, as every machine must have it.
PINNED = "0071ab860ba43a39d38fe684f2b66c2cac980c4d57afc5e2e5a33e211ec879e8"


@lru_cache(maxsize=256)
def weights(half_life: int) -> tuple[int, ...]:
    """Thousandths of its points that an event aged 0, 1, 2... days still gives: `floor(1000 * 0.5^(d / h) + 0.5)`.

    One entry for each day a window can reach, so that no age needs a special case.
    """
    if not 1 <= half_life <= MAX_DAYS:
        raise ValueError(f"a half-life is 1 to {MAX_DAYS} days, not {half_life}")
    return tuple(floor(FULL * 0.5 ** (day / half_life) + 0.5) for day in range(MAX_DAYS))


@lru_cache(maxsize=256)
def next_steps(half_life: int) -> tuple[int, ...]:
    """For each age, the next age at which the weight is another one; `MAX_DAYS` when it never changes again."""
    table = weights(half_life)
    steps = [MAX_DAYS] * MAX_DAYS
    for day in range(MAX_DAYS - 2, -1, -1):
        steps[day] = day + 1 if table[day + 1] != table[day] else steps[day + 1]
    return tuple(steps)


def decayed(points: int, weight: int) -> int:
    """`points` times `weight` thousandths, rounded half away from zero, so that negative points mirror positive ones."""
    size = (abs(points) * weight + FULL // 2) // FULL
    return size if points >= 0 else -size


def checksum(half_lives: range = range(1, 401)) -> str:
    """A digest over the tables of these half-lives: another machine or version that rounds differently shows here."""
    digest = sha256()
    for half_life in half_lives:
        digest.update(",".join(map(str, weights(half_life))).encode())
    return digest.hexdigest()
