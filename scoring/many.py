"""Driving `mass` over very many leads, a large batch a transaction, with the reference for those whom columns do not know."""

import logging
from collections.abc import Callable, Iterator, Sequence

from django.db import transaction

from leads.models import Lead
from scoring import mass, waiting
from scoring.locks import SCORER, try_lock
from scoring.looking import BATCH, batches_of, rescore_some, score_now
from scoring.reference_scores import Differ
from scoring.waiting import Pending

log = logging.getLogger(__name__)

MANY_AT_ONCE = 50_000  # leads of one transaction by columns
_columns_trusted = True  # until they differ from the reference once


def rescore_all(after: int = 0) -> Iterator[tuple[int, int]]:
    """Score every lead with an id above `after`, batch by batch; yields the last id and the size of each when it is committed.

    Where there are many, by columns and in larger batches. Raises `Differ` when those say something else than the reference.
    """
    ids = list(Lead.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True))
    if len(ids) > waiting.MANY:
        yield from rescore_by_columns(ids)
        return
    while batch := rescore_some(after, BATCH):
        after = batch[-1]
        yield after, len(batch)


def rescore_by_columns(ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Score these leads, in the order of ids, by columns, and by the reference where those do not know enough; like `rescore_all`."""
    columns = mass.read_columns()
    for batch in batches_of(ids, MANY_AT_ONCE):
        left: Sequence[int] = batch
        while columns is not None:
            try:
                with transaction.atomic():
                    left = mass.score_by_columns(columns, batch, compared=-(-mass.COMPARED * len(batch) // len(ids)))
                break
            except mass.Overtaken:
                columns = mass.read_columns()
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
    columns = mass.read_columns()
    if columns is None:
        return 0
    try:
        with transaction.atomic():
            if not try_lock(SCORER):
                return 0
            left = mass.score_by_columns(columns, batch, compared=mass.COMPARED)
    except mass.Overtaken:
        return 0
    except Differ as problem:
        log.error("%s From now on every lead is scored by the reference.", problem.message)
        _columns_trusted = False
        return 0
    for some in batches_of(left):
        with transaction.atomic():
            if not try_lock(SCORER):
                return len(batch)
            score(some)
    if pending is not None and pending.is_open():
        pending.note(cursor=max(batch[-1], pending.cursor))
    return len(batch)
