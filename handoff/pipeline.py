"""From changed facts to an offered hand-off: each station pulls what waits for it, so a lost nudge loses nothing.

No station stops the others, and a lead that cannot be scored stops no other lead: it is put off, with its error logged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from django.db import InterfaceError, OperationalError, transaction

from handoff.actions.interest import note_interest
from handoff.actions.leaving import tend_absent
from handoff.actions.opening import open_handoffs
from handoff.routing import route_waiting
from leads import clock
from scoring.actions.activating import begin_due
from scoring.looking import score_batch
from scoring.rescoring import put_off, score_dirty

logger = logging.getLogger("accord.pipeline")

# New interest of leads in hand is looked for among all of them, so not every second.
INTEREST_EVERY_S = 10.0
_interest_at = -INTEREST_EVERY_S
# So soon does what waits for somebody absent go on.
ABSENT_EVERY_S = 5.0
_absent_at = -ABSENT_EVERY_S


def run_once() -> int:
    """One round of every station; returns how much was done, 0 when nothing waited.

    Raises the error of a station only when nothing was done, so that the caller waits before the next round.
    """
    stations: tuple[Callable[[], int], ...] = (
        score_guarded, open_handoffs, tend_absent_now_and_then, route_waiting, note_interest_now_and_then
    )  # fmt: skip
    done, failed = 0, None
    for station in stations:
        try:
            done += station()
        except (OperationalError, InterfaceError):  # the database, not a station
            raise
        except Exception as error:
            logger.exception("%s failed", station.__name__)
            failed = error
    if failed is not None and not done:
        raise failed
    return done


def note_interest_now_and_then() -> int:
    """New interest of leads in hand, at most every ten seconds."""
    global _interest_at
    if time.monotonic() < _interest_at + INTEREST_EVERY_S:
        return 0
    _interest_at = time.monotonic()
    return note_interest()


def tend_absent_now_and_then() -> int:
    """What waits for people who are inactive or away, at most every five seconds."""
    global _absent_at
    if time.monotonic() < _absent_at + ABSENT_EVERY_S:
        return 0
    _absent_at = time.monotonic()
    return tend_absent()


def score_guarded() -> int:
    """Let versions begin whose time has come, score what waits, and put off the leads that cannot be scored."""
    return begin_due(clock.now()) + score_dirty(score=score_apart)


def score_apart(lead_ids: Sequence[int]) -> None:
    """Score these leads inside the caller's transaction; when that fails half by half, down to the leads that cannot be scored."""
    try:
        with transaction.atomic():
            score_batch(lead_ids)
        return
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        if len(lead_ids) == 1:
            logger.exception("lead %s could not be scored and is put off", lead_ids[0])
            put_off(lead_ids[0])
            return
    middle = len(lead_ids) // 2
    score_apart(lead_ids[:middle])
    score_apart(lead_ids[middle:])
