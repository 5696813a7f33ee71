"""The open leads a criterion hits: asked of the database where it answers quickly, else found in the columns of today's snapshot.

Of who changed since the snapshot was read the reference is asked, so that both ways say the same.
"""

from dataclasses import replace
from datetime import datetime

from django.db.models import BooleanField, F, Func, QuerySet, TextField, Value

from leads.choices import SCORED_OPEN
from leads.lib.numbers import array_text
from leads.models import Lead
from scoring.evaluate_python import evaluator
from scoring.evaluate_query import hits, holds, reaches_far
from scoring.facts import load_facts, longest_window
from scoring.operators import day_of
from scoring.spec import Condition, Criterion, Decision, Limits, Spec

MOST_UNSETTLED = 2_000  # leads that changed since, from which on the database is asked all the same
_DECISION = Decision("total", ("C", "B"), 1, edges=(1,))


def open_leads_hit(leads: QuerySet[Lead], scope: Condition, criterion: Criterion, now: datetime) -> QuerySet[Lead]:
    """Those of these leads that are open, in scope, and hit by the criterion now, at an aware moment."""
    found = leads.filter(stage__in=SCORED_OPEN)
    ids = _in_snapshot(scope, criterion, now) if reaches_far(scope, criterion) else None
    return found.filter(holds(scope, now), hits(criterion, now)) if ids is None else found.filter(_among(ids))


def _among(ids: list[int]) -> Func:
    """Leads with one of these ids, which may be very many: as one value, not as many."""
    return Func(
        F("pk"), Value(array_text(ids), TextField()), template="%(expressions)s::bigint[])", arg_joiner=" = ANY(", output_field=BooleanField()
    )  # fmt: skip


def _in_snapshot(scope: Condition, criterion: Criterion, now: datetime) -> list[int] | None:
    """All open leads that are hit; None without a snapshot that tells."""
    import numpy as np  # here, not above: no process starts with it

    from scoring.columns import NotInSnapshot
    from scoring.evaluate_numpy import evaluate
    from scoring.snapshot import files
    from scoring.snapshot.merging import due_of
    from scoring.snapshot.reader import current_snapshot
    from scoring.snapshot.reading import changed_leads

    plain = replace(criterion, points=1, group=None, cap=None)
    spec = Spec("listed", scope, Limits(), Limits(), (), (plain,), (), _DECISION)
    try:
        snapshot = current_snapshot()
        if snapshot is None or day_of(snapshot.as_of) != day_of(now):
            return None
        unsettled = set(changed_leads(snapshot.mark))
        for part in snapshot.open:
            unsettled.update(due_of(part, now).tolist())
        if len(unsettled) > MOST_UNSETTLED:
            return None
        hit = np.concatenate([part.ids[evaluate(spec, part).hits(criterion.key)] for part in snapshot.open])
    except (NotInSnapshot, files.Damaged):
        return None
    unknown = sorted(unsettled)
    return [*hit[~np.isin(hit, unknown)].tolist(), *_by_reference(spec, unknown, now)]


def _by_reference(spec: Spec, lead_ids: list[int], now: datetime) -> list[int]:
    judge, facts = evaluator(spec), load_facts(lead_ids, now - longest_window(spec)) if lead_ids else {}
    return [lead for lead, known in facts.items() if any(one.kind == "criterion" for one in judge.evaluate(known, now).lines)]
