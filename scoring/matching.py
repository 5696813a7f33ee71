"""How many leads a criterion would match, and which values a field really has: for who writes one, in bounded time."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Count

from leads import clock
from leads.choices import FieldType
from leads.errors import Invalid
from leads.facts import CORE_FIELDS
from leads.models import Activity, Lead
from scoring.evaluate_python import evaluator
from scoring.facts import load_facts, longest_window
from scoring.models import ModelVersion
from scoring.registry import Field
from scoring.spec import ALWAYS, Condition, Criterion, Decision, Limits, Spec, canonical

NEWEST = 1_000  # leads that are judged one by one where there is no snapshot
OFFERED_FROM = 2_000  # leads whose values are offered
MOST_OFFERED = 14
ENOUGH = 100  # fewer rows say nothing about whom a criterion will match
_PATHS = {one.key: one.path for one in CORE_FIELDS}
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


# --- Values offered -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Offer:
    """What a field holds among the newest leads: its most frequent values with counts, or the spread of its numbers."""

    known: int
    rows: int
    values: list[tuple[str, int]] = field(default_factory=list)
    spread: tuple[Any, Any, Any, Any] | None = None  # least, lower quarter, upper quarter, most

    @property
    def words(self) -> str:
        text = f"Known for {self.known:,} of {self.rows:,}"
        if self.spread and self.known:
            least, low, high, most = (f"{one:,}" if isinstance(one, int | float) else one for one in self.spread)
            text += f": from {least} to {most}, half between {low} and {high}"
        return f"{text}."


class Offers:
    """Offers for the fields a form shows; each field is read once, by one query."""

    def __init__(self) -> None:
        self._ids: list[int] | None = None
        self._held: dict[str, Offer] = {}

    @property
    def ids(self) -> list[int]:
        if self._ids is None:
            self._ids = list(Lead.objects.order_by("-pk").values_list("pk", flat=True)[:OFFERED_FROM])
        return self._ids

    def of(self, asked: Field) -> Offer:
        if asked.key not in self._held:
            found = _offer(asked, self._values(asked))
            # Whoever writes criteria may not see everybody's personal facts: how many have one is all that is told.
            self._held[asked.key] = Offer(found.known, found.rows) if asked.personal else found
        return self._held[asked.key]

    def _values(self, asked: Field) -> list[Any]:
        rows = Lead.objects.filter(pk__in=self.ids).order_by()
        path = _PATHS.get(asked.key) or f"attributes__{asked.name}"
        return list(rows.values_list(path, flat=True))

    def kinds(self) -> dict[str, int]:
        """For each kind of activity the leads among the newest that did it."""
        if not self.ids:
            return {}
        rows = Activity.objects.filter(lead__in=self.ids).order_by().values_list("kind")
        return dict(rows.annotate(Count("lead", distinct=True)))


def _offer(asked: Field, values: list[Any]) -> Offer:
    known = [value for value in values if value is not None and value != ""]
    if asked.type in (FieldType.NUMBER, FieldType.DATE):
        plain = sorted(_plain(value) for value in known)
        quarters = [plain[len(plain) * place // 4] for place in (1, 3)] if plain else []
        return Offer(len(known), len(values), spread=(plain[0], *quarters, plain[-1]) if plain else None)
    counted: Counter[str] = Counter()
    for value in known:
        several: Iterable[Any] = value if isinstance(value, list) else [value]
        counted.update({"yes": value is True, "no": value is False} if isinstance(value, bool) else map(str, several))
    return Offer(len(known), len(values), values=[pair for pair in counted.most_common(MOST_OFFERED) if pair[1]])


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value[:10]
    if hasattr(value, "isoformat"):
        return value.isoformat()[:10]
    return int(value) if value == int(value) else float(value)
