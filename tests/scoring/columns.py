"""Segments made of facts in memory, by the same readers as those read from the database."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from leads.choices import FieldType, Known
from scoring.column_cache import ColumnCache
from scoring.evaluate_numpy import NO_GATE, NO_TIER, evaluate
from scoring.evaluate_python import Facts, Result
from scoring.models.score import FLAG_GATED, FLAG_MQL, FLAG_MQO
from scoring.registry import Registry
from scoring.snapshot.coding import ROW, Bundle, coders
from scoring.snapshot.dictionaries import KINDS, Dictionary
from scoring.snapshot.segment import DATED, HAS_ACTIVITY, Segment
from scoring.snapshot.shaping import BEGINNING, SINCE_2000, Rows, Sent, make_segment, microseconds
from scoring.spec import Spec


def fields_of(registry: Registry) -> dict[str, FieldType]:
    return {one.key: one.type for one in registry.fields.values() if one.known != Known.AFTER}


def segment_of(
    rows: Sequence[Facts],
    registry: Registry,
    *,
    decided: Sequence[datetime] | None = None,
    as_of: datetime | None = None,
    dictionaries: dict[str, Dictionary] | None = None,
    first_id: int = 1,
    base_day: int | None = None,
    key: str = "memory",
) -> Segment:
    """Cases decided at these times, or leads that are open as of a moment, numbered from `first_id`."""
    fields = fields_of(registry)
    dictionaries = {} if dictionaries is None else dictionaries
    kinds = dictionaries.setdefault(KINDS, Dictionary())
    ids = np.arange(first_id, first_id + len(rows))
    columns = {
        name: Bundle({name: coder}).columns(
            ROW.join("" if one.values.get(name) is None else json.dumps(one.values[name]) for one in rows), len(rows)
        )[name]
        for name, coder in coders(fields, dictionaries, of_facts=True, careful=fields).items()
    }
    sent = [
        (
            int(ids[place]),
            kinds.code(event.kind),
            microseconds(event.occurred_at) - SINCE_2000,
            microseconds(event.known_at) - SINCE_2000,
            event.asset or 0,
            event.campaign or 0,
        )
        for place, one in enumerate(rows)
        for event in (one.events if one.has_activity else ())
    ]
    begun = [BEGINNING if one.engagement_from is None else microseconds(one.engagement_from) - SINCE_2000 for one in rows]
    made = Rows(
        ids,
        ids,
        columns,
        np.array(begun, np.int64),
        None if decided is None else np.array([microseconds(at) for at in decided], np.int64),
        None if decided is None else np.array([DATED | (HAS_ACTIVITY if one.has_activity else 0) for one in rows], np.uint8),
    )
    return make_segment(
        key,
        made,
        [Sent(*np.array(sent, np.int64).reshape(-1, 6).T)],
        fields=fields,
        dictionaries=dictionaries,
        as_of=as_of,
        base_day=base_day,
    )


def told(spec: Spec, segment: Segment, day: int | None = None) -> list[tuple[object, ...]]:
    """The columns' results row by row, in the form of `said`."""
    scores = evaluate(spec, segment, day, ColumnCache(2**20))
    found = []
    for row in range(len(segment)):
        gate, tier = int(scores.gate[row]), int(scores.tier[row])
        points = {one.key: (bool(scores.hits(one.key)[row]), int(scores.points(one.key)[row])) for one in spec.criteria}
        found.append(
            (
                bool(scores.in_scope[row]),
                int(scores.fit[row]),
                int(scores.engagement[row]),
                None if gate == NO_GATE else spec.gates[gate].key,
                None if tier == NO_TIER else tier,
                int(scores.flags[row]),
                points,
            )
        )
    return found


def said(spec: Spec, result: Result) -> tuple[object, ...]:
    """The reference's result: scope, fit, engagement, gate, tier, flags, and whether and what each criterion pays."""
    lines: Mapping[str, list[int]] = {
        one.key: [line.points for line in result.lines if line.key == one.key and line.kind in ("criterion", "decay", "cap")]
        for one in spec.criteria
    }
    flags = FLAG_MQL * result.mql | FLAG_MQO * result.mqo | FLAG_GATED * result.gated
    points = {key: (bool(some), sum(some)) for key, some in lines.items()}
    return (result.in_scope, result.fit, result.engagement, result.gate, result.tier, flags, points)
