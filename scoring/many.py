"""Driving `mass` over very many leads, a large batch a transaction, with the reference for those whom columns do not know."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from django.db import transaction

from leads import clock
from leads.models import Lead
from scoring import mass, stored_scores, swap_history, swapping, waiting
from scoring.locks import SCORER, try_lock
from scoring.looking import BATCH, batches_of, rescore_some, score_now
from scoring.mass import Reading
from scoring.models import LeadState
from scoring.reference_scores import Differ
from scoring.waiting import Pending

log = logging.getLogger(__name__)

MANY_AT_ONCE = 50_000  # leads of one transaction by columns
SHARE = 0.5  # of all leads that wait, from which on it is looked at whether most scores are other ones
_columns_trusted = True  # until they differ from the reference once


def rescore_all(after: int = 0) -> Iterator[tuple[int, int]]:
    """Score every lead with an id above `after`, batch by batch; yields the last id and the size of each when it is committed.

    Where there are many, by columns: the whole table exchanged at once when most scores differ, else those that do in large
    batches. Raises `Differ` when columns say something else than the reference.
    """
    ids = list(Lead.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True))
    if len(ids) <= waiting.MANY:
        while batch := rescore_some(after, BATCH):
            after = batch[-1]
            yield after, len(batch)
        return
    reading = None if after else exchange_if_most_differ()
    if reading is None:
        yield from rescore_what_differs(after)
        reading = mass.read()
    else:
        yield ids[-1], len(ids)
    if reading is not None:
        follow_up(reading)


def exchange_if_most_differ(look: Callable[[Sequence[int]], object] = score_now) -> Reading | None:
    """Have the tables of all versions say what columns say, where that is something else of most leads, and look at those that
    had to be left out; None, and nothing done, where it is not so or cannot be.
    """
    if not swapping.is_possible():
        return None
    (reading, qualified), left = mass.read_beside(swapping.qualified), None
    with suppress(mass.Overtaken):
        if reading is not None and swapping.most_differ(reading):
            left = swapping.exchange_all(reading, qualified)
    if left is None:
        return None
    for batch in batches_of(left):
        look(batch)
    return reading


def follow_up(reading: Reading) -> None:
    """After all scores were compared or exchanged: when leads are due again, and the history of what was exchanged."""
    score_now(swapping.note_due_days(reading))
    swap_history.write_all()


def rescore_what_differs(after: int = 0) -> Iterator[tuple[int, int]]:
    """Score the leads with an id above `after` that wait for it or of whom something else is stored, like `rescore_all`."""
    ids, pending = waiting.all_waiting(clock.now())
    reading, held = mass.read_beside(stored_scores.question)
    if reading is None or pending is not None:
        ids = list(Lead.objects.values_list("pk", flat=True))
    else:
        ids += stored_scores.differing(reading, held)
    yield from rescore_by_columns(sorted({one for one in ids if one > after}), reading)


def rescore_by_columns(ids: Sequence[int], reading: Reading | None = None) -> Iterator[tuple[int, int]]:
    """Score these leads, in the order of ids, by columns, and by the reference where those do not know enough; like `rescore_all`.

    `reading` is what columns said of them a moment ago.
    """
    reading = reading or mass.read(ids)
    for batch in batches_of(ids, MANY_AT_ONCE):
        left: Sequence[int] = batch
        while reading is not None:
            try:
                with transaction.atomic():
                    left = mass.score_by_columns(
                        reading, batch, compared=-(-mass.COMPARED * len(batch) // max(len(ids), MANY_AT_ONCE))
                    )
                break
            except mass.Overtaken:
                reading = mass.read(ids)
        score_now(left)
        yield batch[-1], len(batch)


def score_many(ids: Sequence[int], pending: Pending | None, score: Callable[[Sequence[int]], object]) -> int:
    """Score the first of very many that wait by columns, and who is left of them by `score`; answers how many.

    `pending` is the version for which they wait, if they do for one.
    """
    global _columns_trusted
    if not _columns_trusted:
        return 0
    batch = ids[:MANY_AT_ONCE]

    def guarded(some: Sequence[int]) -> bool:
        with transaction.atomic():
            if not try_lock(SCORER):
                return False
            score(some)
            return True

    try:
        if pending is None and len(ids) > SHARE * LeadState.objects.count() and (whole := exchange_if_most_differ(guarded)):
            swapping.note_due_days(whole)  # the history follows pass by pass
            return len(ids)
        reading = mass.read(batch)
        if reading is None:
            return 0
        with transaction.atomic():
            if not try_lock(SCORER):
                return 0
            left = mass.score_by_columns(reading, batch, compared=mass.COMPARED)
    except mass.Overtaken:
        return 0
    except Differ as problem:
        log.error("%s From now on every lead is scored by the reference.", problem.message)
        _columns_trusted = False
        return 0
    for some in batches_of(left):
        if not guarded(some):
            return len(batch)
    if pending is not None and pending.is_open():
        pending.note(cursor=max(batch[-1], pending.cursor))
    return len(batch)
