"""Sample leads as one person may see them: facts to judge by, both sides' words once both have spoken, and what parts them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from leads import clock
from leads.choices import Known
from leads.errors import Invalid
from leads.models import Case, Lead, User
from leads.roles import Side
from scoring.agreement import Agreement, agreement
from scoring.compiler import compile_version
from scoring.evaluate_python import Event, Facts, Result, evaluator
from scoring.facts import load_case_facts, load_facts
from scoring.models import ModelVersion, SampleLead, SampleVerdict
from scoring.registry import Registry
from scoring.spec import Spec
from scoring.vocabulary import load_registry, load_wording
from scoring.wording import Wording

Word = SampleVerdict.Word
SHOWN_KINDS = 8
SHOWN_CRITERIA = 6


@dataclass(slots=True)
class Sample:
    """One sample. `lead` None: one the reader may not see. `words` are the sides' verdicts that may be shown to the reader."""

    stored: SampleLead
    lead: Lead | None
    facts: list[tuple[str, str]]
    did: list[tuple[str, int, datetime]]
    words: dict[str, SampleVerdict]
    spoken: set[str]
    own: SampleVerdict | None = None
    result: Result | None = None

    @property
    def is_shown(self) -> bool:
        """Whether both sides have spoken, so that everything is shown."""
        return len(self.spoken) == len(Side)

    @property
    def case(self) -> Case | None:
        return self.stored.case

    @property
    def sides(self) -> list[tuple[Side, SampleVerdict | None]]:
        return [(side, self.words.get(side)) for side in Side]

    @property
    def is_alike(self) -> bool:
        return len({one.word for one in self.words.values()}) == 1


@dataclass(frozen=True, slots=True)
class Parting:
    """A criterion that more of the disputed samples meet than of the others, or fewer: how many of how many."""

    label: str
    disputed: int
    of_disputed: int
    others: int
    of_others: int

    @property
    def gap(self) -> float:
        return abs(self.disputed / self.of_disputed - self.others / self.of_others)


@dataclass(slots=True)
class SampleSet:
    version: ModelVersion
    side: Side | None
    samples: list[Sample]
    hidden: int = 0
    problem: str = ""
    sides: Agreement = field(default_factory=Agreement)
    with_model: list[tuple[Side, Agreement]] = field(default_factory=list)
    parting: list[Parting] = field(default_factory=list)

    @property
    def waiting(self) -> list[Sample]:
        """What the reader's side has not judged yet and the reader may see."""
        return [one for one in self.samples if self.side and one.own is None and one.lead is not None]

    @property
    def next(self) -> Sample | None:
        return next(iter(self.waiting), None)

    @property
    def judged(self) -> list[Sample]:
        """What the reader's side has judged, or for who has no side what both have, the last first."""
        mine = [one for one in self.samples if one.own is not None or (not self.side and one.is_shown)]
        return sorted(mine, key=lambda one: (one.own.at if one.own else clock.now(), one.stored.no), reverse=True)

    @property
    def done(self) -> list[tuple[Side, int]]:
        return [(side, sum(side in one.spoken for one in self.samples)) for side in Side]

    @property
    def shown(self) -> list[Sample]:
        return [one for one in self.samples if one.is_shown]


def sample_set(version: ModelVersion, reader: User) -> SampleSet:
    """All samples of a version for one reader; a fixed number of queries."""
    stored = list(version.samples.select_related("case").prefetch_related("verdicts__by"))
    leads = Lead.objects.visible_to(reader).select_related("company").in_bulk([one.lead_id for one in stored])
    registry = load_registry()
    wording = load_wording(registry)
    now = clock.now()
    open_facts = load_facts([one.lead_id for one in stored if one.case is None])
    case_facts = load_case_facts([one.case for one in stored if one.case is not None])
    found = SampleSet(version, reader.side, [], sum(one.lead_id not in leads for one in stored))
    spec = _spec(version, found)
    judge = evaluator(spec) if spec is not None else None
    for one in stored:
        known = (open_facts.get(one.lead_id) if one.case is None else case_facts.get(one.case.pk)) or Facts({})
        as_of = now if one.case is None else one.case.decided_at
        words = {verdict.side: verdict for verdict in one.verdicts.all()}
        own = words.get(reader.side) if reader.side else None
        shows = len(words) == len(Side)
        found.samples.append(
            Sample(
                one,
                leads.get(one.lead_id),
                _facts_to_judge(known, registry, wording),
                _what_they_did(known.events, as_of, wording),
                words if shows else ({own.side: own} if own else {}),
                set(words),
                own,
                judge.evaluate(known, as_of) if judge is not None and shows else None,
            )
        )
    _compare(found, spec)
    return found


def _spec(version: ModelVersion, found: SampleSet) -> Spec | None:
    try:
        return compile_version(version)
    except Invalid as problem:
        found.problem = problem.message
        return None


def _facts_to_judge(known: Facts, registry: Registry, wording: Wording) -> list[tuple[str, str]]:
    """What was known before anybody spoke to them, without what names a person."""
    shown = []
    for key, one in registry.fields.items():
        value = known.values.get(key)
        if value is None or value == [] or one.personal or one.known == Known.AFTER or not one.active:
            continue
        shown.append((one.label, wording.fact(key, value)))
    return shown


def _what_they_did(events: Iterable[Event], as_of: datetime, wording: Wording) -> list[tuple[str, int, datetime]]:
    """Activities known at that moment, by kind: how often, and when last; the latest first."""
    counted: dict[str, tuple[int, datetime]] = {}
    for event in events:
        if event.occurred_at <= as_of and event.known_at <= as_of:
            times, last = counted.get(event.kind, (0, event.occurred_at))
            counted[event.kind] = (times + 1, max(last, event.occurred_at))
    latest = sorted(counted.items(), key=lambda one: one[1][1], reverse=True)[:SHOWN_KINDS]
    return [(wording.kind(kind), times, last) for kind, (times, last) in latest]


def _says_good(sample: Sample, side: Side) -> bool | None:
    word = sample.words[side].word
    return None if word == Word.UNSURE else word == Word.GOOD


def _compare(found: SampleSet, spec: Spec | None) -> None:
    """Agreement over samples that both sides judged; whoever cannot say is left out of the pair."""
    shown = found.shown
    said = [tuple(_says_good(one, side) for side in Side) for one in shown]
    found.sides = agreement((first, second) for first, second in said if first is not None and second is not None)
    if spec is None:
        return
    for place, side in enumerate(Side):
        pairs = [
            (words[place], one.result.mql)
            for one, words in zip(shown, said, strict=True)
            if words[place] is not None and one.result is not None
        ]
        found.with_model.append((side, agreement((bool(word), mql) for word, mql in pairs)))
    found.parting = _parting(spec, shown, [None not in words and words[0] != words[1] for words in said])


def _parting(spec: Spec, shown: Sequence[Sample], disputed: Sequence[bool]) -> list[Parting]:
    """The criteria whose share among disputed samples differs most from that among the others."""
    of_disputed, of_others = sum(disputed), len(shown) - sum(disputed)
    if not of_disputed or not of_others:
        return []
    hits: list[set[Any]] = [
        {line.key for line in one.result.lines if line.kind == "criterion"} if one.result else set() for one in shown
    ]
    found = []
    for criterion in spec.criteria:
        counts = [
            sum(criterion.key in keys and is_in == wanted for keys, is_in in zip(hits, disputed, strict=True))
            for wanted in (True, False)
        ]
        found.append(Parting(criterion.label, counts[0], of_disputed, counts[1], of_others))
    return sorted((one for one in found if one.gap), key=lambda one: -one.gap)[:SHOWN_CRITERIA]
