"""Qualifications: who now meets a model, why, and from when sales may have them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F

from leads.actions.stage import change_stage
from leads.choices import Stage
from leads.models import Submission
from leads.stages import sources_of
from scoring.models import FLAG_MQL, FLAG_MQO, Qualification, ScoreChange

Cause = ScoreChange.Cause
Kind = Qualification.Kind

MOST_PROMOTED = 2000  # a pass; the others a second later


@dataclass(frozen=True, slots=True)
class Entry:
    """A lead that met a model just now and did not before."""

    lead_id: int
    model_id: int
    version_id: int
    kinds: tuple[str, ...]
    cause: str
    fit: int
    engagement: int
    tier: int | None
    lines: list[dict[str, Any]]
    is_kept: bool = False  # not released yet


def kinds_of(flags: int) -> tuple[str, ...]:
    """The kinds of qualification these flags of a score stand for."""
    return tuple(kind for kind, flag in ((Kind.MQL, FLAG_MQL), (Kind.MQO, FLAG_MQO)) if flags & flag)


def record_entries(entries: Sequence[Entry], at: datetime) -> list[Qualification]:
    """Make a qualification for each entry that has none open for its model and kind; answers those made."""
    if not entries:
        return []
    ids = {entry.lead_id for entry in entries}
    held = Qualification.objects.filter(lead_id__in=ids)
    open_ones = set(held.filter(closed_at=None).values_list("lead_id", "model_id", "kind"))
    before = Counter(
        {
            (lead, model, kind): n
            for lead, model, kind, n in held.values_list("lead_id", "model_id", "kind").annotate(n=Count("pk"))
        }
    )
    made = []
    for entry in entries:
        for kind in entry.kinds:
            key = (entry.lead_id, entry.model_id, kind)
            if key in open_ones:
                continue
            made.append(
                Qualification(
                    lead_id=entry.lead_id,
                    model_id=entry.model_id,
                    version_id=entry.version_id,
                    kind=kind,
                    nth=before[key] + 1,
                    cause=entry.cause,
                    at=at,
                    fit=entry.fit,
                    engagement=entry.engagement,
                    tier=entry.tier,
                    lines=entry.lines,
                    release_at=None if entry.is_kept or entry.cause == Cause.IMPORT else at,
                )
            )
    return Qualification.objects.bulk_create(made)


def brought_by_import(scored_at: dict[int, datetime | None]) -> set[int]:
    """Of these leads those that an import not meant for sales touched since they were last scored (None: never)."""
    found = Submission.objects.filter(lead_id__in=list(scored_at), import_run__isnull=False)
    return {
        lead_id
        for lead_id, received_at, options in found.values_list("lead_id", "received_at", "import_run__options")
        if not options.get("hand_over") and ((since := scored_at[lead_id]) is None or received_at >= since)
    }


def release_renewed(lead_ids: Sequence[int], at: datetime) -> int:
    """Give sales the leads kept back by a wave or an import that have now done something themselves."""
    if not lead_ids:
        return 0
    return Qualification.objects.filter(lead_id__in=list(lead_ids), closed_at=None, release_at=None).update(release_at=at)


def promote_released(at: datetime) -> list[int]:
    """Move leads whose released MQL qualification waits to the stage MQL, from wherever they may; answers the moved ones.

    A lead whose stage somebody changed since the release is left alone.
    """
    stages = sources_of(Stage.MQL) - {Stage.SAL, Stage.SQL, Stage.REJECTED}
    waiting = Qualification.objects.filter(
        closed_at=None,
        taken_at=None,  # taking it up moves the stage as well
        release_at__lte=at,
        kind=Kind.MQL,
        lead__stage__in=stages,
        lead__stage_since__lte=F("release_at"),
        lead__contactable=True,
    )
    ids = list(waiting.order_by("lead_id").values_list("lead_id", flat=True).distinct()[:MOST_PROMOTED])
    return change_stage(ids, Stage.MQL, actor=None, reason="Meets the criteria", at=at) if ids else []
