"""From changed facts to an offered hand-off: each station pulls what waits for it, so a lost nudge loses nothing.

No station stops the others, and a lead that cannot be scored stops no other lead: it is put off, with its error logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from django.db import InterfaceError, OperationalError, transaction

from handoff.actions.opening import open_handoffs
from handoff.routing import route_waiting
from scoring.rescoring import put_off, score_batch, score_dirty

logger = logging.getLogger("accord.pipeline")


def run_once() -> int:
    """One round of every station; returns how much was done, 0 when nothing waited.

    Raises the error of a station only when nothing was done, so that the caller waits before the next round.
    """
    stations: tuple[Callable[[], int], ...] = (score_guarded, open_handoffs, route_waiting)
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


def score_guarded() -> int:
    """Score what waits, and put off the leads that cannot be scored."""
    return score_dirty(score=score_apart)


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
