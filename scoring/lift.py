"""How past decisions went, by a field's values and by a criterion: rows, positive ones, rate.

A lead counts once, with its latest labelled case, and with the facts frozen there. Goal "won": labelled are rejected,
lost and won cases. Goal "accepted": cases being worked are labelled, too, and everything but a rejection is positive.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt

from django.db import connection
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from leads.choices import FieldType, Outcome
from leads.models import Case
from scoring.evaluate_python import evaluator
from scoring.facts import load_case_facts
from scoring.registry import Field
from scoring.spec import ALWAYS, Spec

LABELLED: Mapping[str, tuple[str, ...]] = {
    "won": (Outcome.REJECTED, Outcome.LOST, Outcome.WON),
    "accepted": (Outcome.REJECTED, Outcome.LOST, Outcome.WON, Outcome.WORKING),
}
POSITIVE: Mapping[str, tuple[str, ...]] = {"won": (Outcome.WON,), "accepted": (Outcome.LOST, Outcome.WON, Outcome.WORKING)}
SMALL = 30  # fewer labelled rows are shown as counts only
MOST_VALUES = 200
Z95 = 1.959963984540054

_TOTAL = """
SELECT count(*), count(*) FILTER (WHERE outcome = ANY(%(positive)s)) FROM (
    SELECT DISTINCT ON (lead_id) outcome FROM leads_case WHERE outcome = ANY(%(labelled)s)
    ORDER BY lead_id, decided_at DESC, id DESC
) AS latest
"""
_BY_VALUE = """
SELECT value, count(*), count(*) FILTER (WHERE outcome = ANY(%(positive)s)) FROM (
    SELECT DISTINCT ON (lead_id) facts ->> %(key)s AS value, outcome FROM leads_case WHERE outcome = ANY(%(labelled)s)
    ORDER BY lead_id, decided_at DESC, id DESC
) AS latest GROUP BY value ORDER BY 2 DESC, 1 NULLS LAST LIMIT %(most)s
"""
_BY_EACH_VALUE = """
SELECT value, count(*), count(*) FILTER (WHERE outcome = ANY(%(positive)s)) FROM (
    SELECT DISTINCT ON (lead_id) facts -> %(key)s AS several, outcome FROM leads_case WHERE outcome = ANY(%(labelled)s)
    ORDER BY lead_id, decided_at DESC, id DESC
) AS latest
CROSS JOIN LATERAL jsonb_array_elements_text(CASE jsonb_typeof(several) WHEN 'array' THEN several ELSE '[null]' END) AS value
GROUP BY value ORDER BY 2 DESC, 1 NULLS LAST LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """Labelled rows with a value (None: not known), and how many of them are positive."""

    value: str | None
    rows: int
    positive: int

    @property
    def share(self) -> float:
        return self.positive / self.rows if self.rows else 0.0

    @property
    def is_small(self) -> bool:
        return self.rows < SMALL

    @property
    def low(self) -> float:
        return wilson(self.positive, self.rows)[0]

    @property
    def high(self) -> float:
        return wilson(self.positive, self.rows)[1]


def wilson(positive: int, rows: int, z: float = Z95) -> tuple[float, float]:
    """The 95 % score interval of a share, after E. B. Wilson, Journal of the American Statistical Association 22 (1927).

    Without rows nothing is known: 0 to 1.
    """
    if not rows:
        return 0.0, 1.0
    share, square = positive / rows, z * z / rows
    middle = (share + square / 2) / (1 + square)
    half = z / (1 + square) * sqrt(share * (1 - share) / rows + square / (4 * rows))
    return max(0.0, middle - half), min(1.0, middle + half)


def conversion_total(goal: str = "won") -> Rate:
    """All labelled leads."""
    with connection.cursor() as cursor:
        cursor.execute(_TOTAL, _arguments(goal))
        rows, positive = cursor.fetchone()
    return Rate(None, rows, positive)


def conversion_by_field(field: Field, goal: str = "won") -> list[Rate]:
    """Rate by value of a field, most rows first; of several values each counts. What is not known is a row of its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            _BY_EACH_VALUE if field.type == FieldType.MULTI else _BY_VALUE,
            {**_arguments(goal), "key": field.key, "most": MOST_VALUES},
        )
        return [Rate(*row) for row in cursor.fetchall()]


def _arguments(goal: str) -> dict[str, list[str]]:
    return {"labelled": list(map(str, LABELLED[goal])), "positive": list(map(str, POSITIVE[goal]))}


def latest_cases(goal: str = "won", chunk: int = 2000) -> Iterator[list[Case]]:
    """The labelled cases that count, by lead, in chunks."""
    numbered = Window(RowNumber(), partition_by=[F("lead_id")], order_by=[F("decided_at").desc(), F("pk").desc()])
    cases = Case.objects.filter(outcome__in=LABELLED[goal]).annotate(place=numbered).filter(place=1).order_by("pk")
    batch: list[Case] = []
    for case in cases.iterator(chunk_size=chunk):
        batch.append(case)
        if len(batch) == chunk:
            yield batch
            batch = []
    if batch:
        yield batch


def conversion_by_criterion(spec: Spec, goal: str = "won") -> dict[str, Rate]:
    """For each criterion the labelled leads it hits, as of their decision; under the key "" all labelled leads.

    Counted by the reference evaluator, so for up to some ten thousand cases.
    """
    hits: dict[str, list[int]] = {criterion.key: [0, 0] for criterion in spec.criteria}
    all_rows, all_positive = 0, 0
    judge = evaluator(_open_to_all(spec))
    for cases in latest_cases(goal):
        facts = load_case_facts(cases)
        for case in cases:
            positive = case.outcome in POSITIVE[goal]
            all_rows += 1
            all_positive += positive
            for line in judge.evaluate(facts[case.pk], case.decided_at).lines:
                if line.kind == "criterion":
                    hits[line.key][0] += 1
                    hits[line.key][1] += positive
    found = {key: Rate(key, rows, positive) for key, (rows, positive) in hits.items()}
    return found | {"": Rate(None, all_rows, all_positive)}


def _open_to_all(spec: Spec) -> Spec:
    return Spec(spec.model, ALWAYS, spec.fit, spec.engagement, spec.groups, spec.criteria, spec.gates, spec.decision)
