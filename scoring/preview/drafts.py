"""Previews of drafts as they stand in the database: their specs, one side's points, reject reasons, and what waits to be read."""

from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from threading import Lock

from django.db import connection
from psycopg import sql

from leads.models import Reason as StoredReason
from leads.roles import Side
from scoring.compiler import compile_version, live_versions
from scoring.models import CriterionView, ModelVersion
from scoring.preview.asking import preview, with_points
from scoring.preview.criteria import Reason
from scoring.preview.result import CasesIn, Goal, Points, Preview
from scoring.preview.sharing import shared
from scoring.snapshot.reader import Snapshot
from scoring.spec import Decision, Spec
from scoring.talk import side_views

COUNTED_UP_TO = 10_000
_KEPT = 16


@dataclass(frozen=True, slots=True)
class Compared:
    """A draft's spec and the one in force of the same model, None before there is one."""

    draft: Spec
    live: Spec | None
    live_no: int | None


def compared(
    version: ModelVersion, points: Points = "agreed", threshold: int | None = None, *, side: Side | None = None
) -> Compared:
    """The draft with one side's points, as far as a reader of `side` may know them, and another threshold, if asked for.

    Raises `Invalid` naming what is wrong with it.
    """
    draft = compile_version(version)
    if points != "agreed":
        draft = with_points(draft, wanted_points(version, points, to=side))
    if threshold is not None:
        draft = _with_decision(draft, with_threshold(draft.decision, threshold))
    live = next((one for one in live_versions() if one.model_id == version.model_id), None)
    return Compared(draft, live.spec if live else None, live.no if live else None)


def wanted_points(version: ModelVersion, side: str, *, to: Side | None) -> dict[str, int]:
    """What a side would give for each criterion, 0 where it is irrelevant to it.

    Nothing is named where it did not say, nor where a blind round still hides it from a reader of the side `to`. One query.
    """
    stored: dict[str, dict[str, CriterionView]] = defaultdict(dict)
    for view in CriterionView.objects.filter(criterion__version=version).select_related("criterion"):
        stored[view.criterion.key][view.side] = view
    wanted = {}
    for key, views in stored.items():
        seen = next(one.view for one in side_views(views, "", to, version.blind_from) if one.side == side)
        if seen is not None:
            wanted[key] = 0 if seen.need == CriterionView.Need.IRRELEVANT else seen.points
    return {key: points for key, points in wanted.items() if points is not None}


def threshold_of(decision: Decision) -> int | None:
    """The sum from which a lead is an MQL; None where a grid decides or everybody is one."""
    return decision.edges[decision.mql_from - 1] if decision.kind == "total" and decision.mql_from else None


def with_threshold(decision: Decision, threshold: int) -> Decision:
    """The decision with leads handed over from another sum; edges that would be in the way move along."""
    at = decision.mql_from - 1
    if threshold_of(decision) is None:
        return decision
    edges = tuple(
        min(edge, threshold - (at - place)) if place < at else max(edge, threshold + place - at)
        for place, edge in enumerate(decision.edges)
    )
    return replace(decision, edges=(*edges[:at], threshold, *edges[at + 1 :]))


def _with_decision(spec: Spec, decision: Decision) -> Spec:
    return Spec(spec.model, spec.scope, spec.fit, spec.engagement, spec.groups, spec.criteria, spec.gates, decision)


def reasons() -> dict[int, Reason]:
    """All reasons with the facts they speak of. One query."""
    rows = StoredReason.objects.values_list("pk", "label", "field_keys")
    return {pk: Reason(label, frozenset(keys)) for pk, label, keys in rows}


def waiting(snapshot: Snapshot) -> int:
    """Leads or cases written since the snapshot was read, whichever are more, at most `COUNTED_UP_TO`. One query."""
    some = sql.SQL("(SELECT count(*) FROM (SELECT FROM {} WHERE {} LIMIT {}) AS changed)")
    tables = ("leads_leadrevision", "leads_case")
    counts = [some.format(sql.Identifier(table), snapshot.mark.is_passed, COUNTED_UP_TO) for table in tables]
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT greatest({})").format(sql.SQL(", ").join(counts)))
        return int(cursor.fetchone()[0])


class _Recent:
    """The latest previews of this process: several people look at the same draft, and ask the same."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Preview] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> Preview | None:
        with self._lock:
            return self._held.get(key)

    def put(self, key: str, made: Preview) -> None:
        with self._lock:
            self._held[key] = made
            while len(self._held) > _KEPT:
                self._held.popitem(last=False)


_recent = _Recent()


@dataclass(frozen=True, slots=True)
class Told:
    """A preview and a name for it: where the name is the same, so is everything it says."""

    preview: Preview
    name: str


def preview_of(
    specs: Compared,
    snapshot: Snapshot,
    *,
    goal: Goal,
    points: Points,
    cases: CasesIn,
    told: Mapping[int, Reason],
    weekly: int | None,
) -> Told:
    """The preview of a draft; the same question over the same data is answered from what is kept, here or by another process."""
    live = specs.live.hash if specs.live else None
    reasons = sorted((number, reason.label, *sorted(reason.fields)) for number, reason in told.items())
    asked = (str(snapshot.folder), snapshot.manifest["digest"], specs.draft.hash, live, goal, points, cases, weekly, reasons)
    name = sha256(repr(asked).encode()).hexdigest()
    found = _recent.get(name)
    if found is None:
        ask = partial(preview, specs.draft, specs.live, snapshot=snapshot, goal=goal, points=points, cases=cases)
        found = shared(snapshot, name, lambda: ask(capacity=weekly, reasons=told))
        _recent.put(name, found)
    return Told(found, name)
