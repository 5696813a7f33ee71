"""How many leads a criterion would match, and whether it may stand: for who writes one, in bounded time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from leads import clock
from leads.errors import Invalid
from leads.models import Lead
from scoring.evaluate_python import evaluator
from scoring.facts import load_facts, longest_window
from scoring.models import ModelVersion
from scoring.spec import ALWAYS, Condition, Criterion, Decision, Limits, Spec, canonical

NEWEST = 1_000  # leads that are judged one by one where there is no snapshot
ENOUGH = 100  # fewer rows say nothing about whom a criterion will match
_DECISION = Decision("total", ("C", "B"), 1, edges=(1,))


@dataclass(frozen=True, slots=True)
class Matches:
    """How many of `rows` a criterion hits; `basis` says what the rows are."""

    hits: int
    rows: int
    basis: str

    @property
    def share(self) -> float | None:
        return self.hits / self.rows if self.rows else None

    @property
    def words(self) -> str:
        return f"{self.hits:,} of {self.rows:,} {self.basis}"


def as_criterion(condition: Condition) -> Criterion:
    """A condition as a criterion of its own, to be counted."""
    return Criterion("trial", "Trial", "fit", "test", 1, when=condition)


def matches(criterion: Criterion) -> Matches:
    """Whom the criterion hits: of all open leads and past decisions where a snapshot holds them, else of the newest leads."""
    plain = replace(criterion, points=1, group=None, cap=None)
    spec = Spec("trial", ALWAYS, Limits(), Limits(), (), (plain,), (), _DECISION)
    return _in_snapshot(spec, plain.key) or _of_newest(spec)


def _in_snapshot(spec: Spec, key: str) -> Matches | None:
    # here, not above: no process starts with numpy
    from scoring.columns import NotInSnapshot
    from scoring.evaluate_numpy import evaluate
    from scoring.snapshot import files
    from scoring.snapshot.reader import current_snapshot

    try:
        snapshot = current_snapshot()
        if snapshot is None:
            return None
        segments = [*snapshot.open, *(some.segment for some in snapshot.cases)]
        hits = sum(int(evaluate(spec, segment).hits(key).sum()) for segment in segments)
        return Matches(hits, sum(segment.valid_count for segment in segments), "open leads and past decisions")
    except (NotInSnapshot, files.Damaged):
        return None


def _of_newest(spec: Spec) -> Matches:
    now = clock.now()
    ids = list(Lead.objects.order_by("-pk").values_list("pk", flat=True)[:NEWEST])
    judge = evaluator(spec)
    facts = load_facts(ids, now - longest_window(spec))
    hits = sum(any(line.kind == "criterion" for line in judge.evaluate(one, now).lines) for one in facts.values())
    return Matches(hits, len(facts), "newest leads" if len(ids) == NEWEST else "leads")


def refuse_pointless(criterion: Criterion) -> None:
    """Refuse what matches nobody or everybody, once there are enough leads to say so."""
    found = matches(criterion)
    if found.rows < ENOUGH or 0 < found.hits < found.rows:
        return
    who = "none" if not found.hits else "every one"
    raise Invalid(
        f"It matches {who} of {found.rows:,} {found.basis}, so it tells nobody apart.",
        code="matches_nobody" if not found.hits else "matches_everybody",
        field="when",
        expected="a question that some meet and others do not",
    )


def refuse_bars_everybody(condition: Condition) -> None:
    """Refuse a gate that every lead meets, once there are enough leads to say so."""
    found = matches(as_criterion(condition))
    if found.rows >= ENOUGH and found.hits == found.rows:
        raise Invalid("Every lead meets it, so nobody would ever be handed over.", code="matches_everybody", field="when")


def asked(content: Mapping[str, Any]) -> str:
    """What a criterion, given as in a spec, asks: equal for two that differ in words, points and limits only."""
    names = ("when", "event", "days", "freq_min", "award", "freq_max", "half_life")
    return canonical({name: content.get(name) for name in names})


def asked_by(version: ModelVersion, *, besides: str = "") -> dict[str, str]:
    """What the criteria of a draft ask, but for the one with the key `besides`, each with its label. One query."""
    from scoring.compiler import criterion_data

    rows = version.criteria.select_related("group").exclude(key=besides)
    return {asked(criterion_data(row)): row.label for row in rows}


def refuse_duplicate(version: ModelVersion, one: Criterion) -> None:
    """Refuse a criterion that asks exactly what another of the draft asks."""
    _refuse_asked(one.as_json(), asked_by(version, besides=one.key))


def refuse_same_gate(version: ModelVersion, content: Mapping[str, Any]) -> None:
    """Refuse a gate, given as in a spec, that bars exactly whom another one of the draft bars. One query."""
    others = version.gates.exclude(key=content["key"])
    _refuse_asked(content, {asked({"when": row.condition}): row.label for row in others})


def refuse_asked_twice(contents: Iterable[Mapping[str, Any]]) -> None:
    """Refuse criteria, or gates, given as in a spec, of which a later one asks exactly what an earlier one does."""
    seen: dict[str, str] = {}
    for content in contents:
        _refuse_asked(content, seen)
        seen[asked(content)] = content["label"]


def _refuse_asked(content: Mapping[str, Any], by: Mapping[str, str]) -> None:
    label = by.get(asked(content))
    if label is not None:
        raise Invalid(
            f"“{label}” asks exactly the same already.",
            code="duplicate",
            field="label",
            value=content["label"],
            expected="another question",
        )
