"""The query evaluator matches the leads that the reference evaluator hits, for random criteria over stored leads."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F, Q
from django.db.models.lookups import Contains
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leads.actions.company import FOLDED
from leads.choices import Consent, ContactProblem, FieldType, Stage
from leads.facts import CORE_FIELDS
from leads.intake.people import folded_facts
from leads.lib.folding import fold
from leads.models import Activity, Asset, Campaign, Company, Lead, Product
from scoring import evaluate_query
from scoring.condition_reader import read_condition
from scoring.evaluate_python import Facts, evaluator
from scoring.evaluate_query import hits
from scoring.facts import load_facts
from scoring.matching import as_criterion
from scoring.operators import OPERATORS, Takes
from scoring.reading import At
from scoring.registry import Field, Registry, by_key
from scoring.spec import ALWAYS, Criterion, Decision, FieldClause, Limits, Spec
from scoring.spec_reader import read_spec
from tests.scoring.samples import AS_OF, FIELDS, REGISTRY
from tests.scoring.strategies import DAYS, TITLES, WORDS, many_facts, models

LEADS = 60
THOUSANDS = 20_000
few = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
OWN = (
    *(one for one in FIELDS if one.key.startswith("custom.") and one.active and one.key != "custom.verdict"),
    Field("custom.note", "Note", FieldType.TEXT),
    Field("custom.a__b", "Two underscores", FieldType.NUMBER),
    Field("custom.plan", "Plan", FieldType.CHOICE, (("Größe L", "L"), ("50%_off", "Cheap"))),
    Field("custom.pilot", "Pilot", FieldType.BOOLEAN),
)
EVERYTHING = replace(REGISTRY, fields=by_key([*(Field(one.key, one.label, one.type, one.choices) for one in CORE_FIELDS), *OWN]))
AGES = [edge for days in DAYS for edge in (days - 1, days)] + [-1, 0, 400]
NUMBERS = (0, -1, 0.1, 0.3, 499.5, 500, 123_456_789_012_345, 99_999_999_999.9999, -0.000_001, 250)
# What a field may hold beside what it should: none of it is known.
WRONG = ("", "  ", "--", None, [], {}, "no such day", True, 7, ["api", 3], "true")


def _own_values(dice: Random) -> dict[str, object]:
    fitting = {
        "note": (*TITLES, "50%_off\\", "_", "%", "İstanbul", "ǅ ﬁne"),
        "a__b": NUMBERS,
        "plan": ("Größe L", "50%_off", "gone"),
        "pilot": (True, False),
    }
    return {key: dice.choice((dice.choice(some), dice.choice(some), dice.choice(WRONG))) for key, some in fitting.items()}


def _put(pool: Any, dice: Random) -> Any:
    return dice.choice(("", *pool))


class World:
    """Leads in the database made of random facts, and what is stored beside them."""

    def __init__(self) -> None:
        self.campaigns = [Campaign.objects.create(name=name) for name in ("Messe München", "50%_off", "--", "Spring")]
        self.products = [Product.objects.create(key=key, name=key) for key in ("core", "add-on")]
        self.assets = [Asset.objects.create(pk=no, key=f"p{no}", name=f"Paper {no}", kind="whitepaper") for no in (1, 2)]

    def fill(self, seed: int, count: int = LEADS) -> dict[int, Facts]:
        """New leads, half of them at a company, and their facts as they are loaded."""
        dice = Random(seed)
        some = many_facts(seed, count)
        companies = Company.objects.bulk_create(self._company(facts, dice) for facts in some)
        leads = Lead.objects.bulk_create(
            self._lead(facts, company if dice.random() < 0.7 else None, dice)
            for facts, company in zip(some, companies, strict=True)
        )
        done = []
        for lead, facts in zip(leads, some, strict=True):
            done += [
                Activity(
                    lead=lead, kind=one.kind, occurred_at=one.occurred_at, recorded_at=one.known_at, known_at=one.known_at,
                    asset=self.assets[one.asset - 1] if one.asset else None, campaign=dice.choice((None, *self.campaigns)),
                )
                for one in facts.events
            ]  # fmt: skip
        Activity.objects.bulk_create([*done, *self._at_the_edges(leads, dice)])
        return load_facts([lead.pk for lead in leads])

    def _at_the_edges(self, leads: list[Lead], dice: Random) -> list[Activity]:
        """A microsecond on either side of a window's first midnight and of the as-of moment, and known as late as that."""
        first = AS_OF.replace(hour=0, minute=0) - timedelta(days=dice.choice(DAYS) - 1)
        tick = timedelta(microseconds=1)
        moments = [first, first - tick, AS_OF, AS_OF + tick]
        some = [(at, dice.choice((at, at, AS_OF, AS_OF + tick))) for at in dice.choices(moments, k=len(leads))]
        return [
            Activity(lead=lead, kind="webinar_attended", occurred_at=at, recorded_at=known, known_at=max(at, known))
            for lead, (at, known) in zip(leads, some, strict=True)
        ]

    def _company(self, facts: Facts, dice: Random) -> Company:
        employees = facts.values["company.employees"]
        company = Company(
            name=_put(TITLES, dice),
            industry=_put(("Maschinenbau & Öl", "C++ / C#", *TITLES), dice),
            employees=int(employees) if isinstance(employees, int | float) else None,
            revenue=dice.choice((None, 0, 499, 500, 123_456_789_012_345, 999_999_999_999_999)),
            country=_put(("DE", "AT", "XK"), dice),
            is_customer=bool(facts.values["company.is_customer"]),
            is_competitor=dice.random() < 0.5,
            created_at=AS_OF,
            updated_at=AS_OF,
        )
        company.folded = {name: fold(getattr(company, name)) for name in FOLDED if getattr(company, name)}
        return company

    def _lead(self, facts: Facts, company: Company | None, dice: Random) -> Lead:
        values = facts.values
        mine = {key.partition(".")[2]: value for key, value in values.items() if key.startswith("custom.")}
        contactable = dice.random() < 0.5
        at = AS_OF - timedelta(days=dice.choice(AGES), hours=dice.choice((0, 9, 10)), microseconds=dice.choice((0, 1)))
        lead = Lead(
            job_title=values["lead.job_title"] or "",
            email_domain=values["lead.email_domain"] or "",
            seniority=values["lead.seniority"] or "",
            department=_put(("it", "sales"), dice),
            country=_put(("DE", "AT", "GB"), dice),
            language=_put(("de", "de-AT", "en"), dice),
            first_source=_put(TITLES, dice),
            first_campaign=dice.choice((None, *self.campaigns)),
            product_interest=dice.choice((None, *self.products)),
            consent=dice.choice(Consent.values),
            email_usable=dice.random() < 0.5,
            contactable=contactable,
            contact_problem="" if contactable else dice.choice(ContactProblem.values),
            company=company,
            attributes=mine | _own_values(dice),
            engagement_from=facts.engagement_from,
            stage=Stage.INQUIRY,
            stage_since=at,
            created_at=at.replace(minute=0, second=0) if dice.random() < 0.5 else at,
            updated_at=at,
        )
        named = {"job_title": lead.job_title, "first_source": lead.first_source, "email_domain": lead.email_domain}
        lead.folded = folded_facts(named, lead.attributes)
        return lead


def asked_by(spec: Spec) -> list[Criterion]:
    """The criteria of a spec, and its scope, gates and other conditions as criteria."""
    some = [*spec.criteria, *(as_criterion(one) for one in spec.conditions())]
    return [replace(one, key=f"q{number}", group=None) for number, one in enumerate(some)]


def reference(some: list[Criterion], known: dict[int, Facts]) -> dict[str, list[int]]:
    """The leads the reference evaluator hits, by the criterion's key."""
    judge = evaluator(Spec("all", ALWAYS, Limits(), Limits(), (), tuple(some), (), Decision("total", ("C", "B"), 1, edges=(1,))))
    hit: dict[str, list[int]] = {one.key: [] for one in some}
    for pk in sorted(known):
        for line in judge.evaluate(known[pk], AS_OF).lines:
            if line.kind == "criterion":
                hit[line.key].append(pk)
    return hit


def compare(some: list[Criterion], expected: dict[str, list[int]]) -> None:
    """Fail where the query finds other leads. There are none but those the reference judged."""
    for one in some:
        found = list(Lead.objects.filter(hits(one, AS_OF)).order_by("pk").values_list("pk", flat=True))
        assert found == expected[one.key], one.as_json()


def _arguments(field: Field, takes: Takes, dice: Random) -> dict[str, Any]:
    if takes == Takes.VALUES:
        texts = (*WORDS, "%", "_", "de", "at", "core", "add on", "messe", "c#", "c++", "gmail com", "istanbul", "fine", "nowhere")
        pool = [key for key, _ in field.choices] or [text for text in texts if fold(text)]
        return {"values": dice.sample(pool, min(len(pool), dice.randint(1, 3)))}
    if takes == Takes.LIST:
        return {"list": "free_mail", "rev": dice.choice((1, 2))}
    if takes == Takes.DAYS:
        return {"days": dice.choice(DAYS)}
    if takes == Takes.FLAG:
        return {"value": dice.random() < 0.5}
    if takes == Takes.RANGE:
        if field.type == FieldType.DATE:
            low, high = sorted((AS_OF - timedelta(days=dice.choice(AGES))).date().isoformat() for _ in range(2))
        else:
            low, high = sorted(dice.choices(NUMBERS, k=2))
        return dice.choice(({"low": low}, {"high": high}, {"low": low, "high": high}))
    return {}


def every_question(registry: Registry, dice: Random) -> list[Criterion]:
    """Each operator of each field, some with more than one argument, alone and as one of two ways."""
    found = []
    for field in registry.fields.values():
        for operator in OPERATORS[field.type].values():
            for _ in range(2 if operator.takes != Takes.NOTHING else 1):
                clause = {"field": field.key, "op": operator.name, **_arguments(field, operator.takes, dice)}
                other = {"field": "company.is_customer", "op": "is", "value": True}
                found.append({"all": [clause]} if dice.random() < 0.7 else {"any": [clause, {"all": [other, clause]}, other]})
    return _as_criteria(found, registry)


def _as_criteria(conditions: list[dict[str, Any]], registry: Registry) -> list[Criterion]:
    at = At("The condition", "")
    return [replace(as_criterion(read_condition(at, one, registry)), key=f"q{no}") for no, one in enumerate(conditions)]


def every_count(world: World) -> list[Criterion]:
    """Counts with either end and both, by kind, campaign and asset, for each window."""
    events = (
        {"kinds": ["webinar_attended"]},
        {"kinds": ["whitepaper"], "campaigns": [one.pk for one in world.campaigns[:2]]},
        {"assets": [world.assets[0].pk]},
    )
    ends = ({"at_least": 1}, {"at_most": 0}, {"at_least": 1, "at_most": 1}, {"at_least": 2})
    return _as_criteria(
        [{"all": [{"event": event, "days": days} | end]} for event in events for days in DAYS for end in ends], REGISTRY
    )


few_models = st.lists(models(), min_size=1, max_size=2)  # leads are dear to store, a model is dear to make


@pytest.mark.django_db
def test_every_operator_and_random_models_match_the_leads_the_reference_hits(record_property: Any) -> None:
    """`compared` counts pairs of a criterion or condition and a stored lead."""
    world = World()
    compared = 0

    def checked(some: list[Criterion], known: dict[int, Facts]) -> None:
        nonlocal compared
        compare(some, reference(some, known))
        compared += len(some) * len(known)

    def check(some: list[dict[str, Any]], seed: int) -> None:
        with transaction.atomic():
            known = world.fill(seed)
            for data in some:
                checked(asked_by(read_spec(data, REGISTRY)), known)
            transaction.set_rollback(True)

    few(given(few_models, st.integers(0, 2**32))(check))()
    known = world.fill(7, 2 * LEADS)
    for some in (every_question(EVERYTHING, Random(11)), every_count(world)):
        checked(some, known)
    record_property("compared", compared)
    assert compared >= THOUSANDS


def _late_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """`age <= days` instead of `age < days`."""
    right = evaluate_query._counted
    monkeypatch.setattr(evaluate_query, "_counted", lambda event, days, *rest: right(event, days + 1, *rest))


def _late_date(monkeypatch: pytest.MonkeyPatch) -> None:
    right = evaluate_query._field
    monkeypatch.setattr(evaluate_query, "_field", lambda clause, today: right(clause, today + (clause.op == "within_days")))


def _unknown_matches_negatives(monkeypatch: pytest.MonkeyPatch) -> None:
    right = evaluate_query._field

    def wrong(clause: FieldClause, today: int) -> Q:
        found = right(clause, today)
        return found | right(replace(clause, op="unknown"), today) if clause.op == "not_in" else found

    monkeypatch.setattr(evaluate_query, "_field", wrong)


def _parts_for_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """“vp” is in “MVP”."""
    monkeypatch.setattr(evaluate_query, "Contains", lambda text, value: Contains(text, value.strip()))


def _known_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody knew at the as-of moment counts."""
    wrong = Q(lead__engagement_from=None) | Q(occurred_at__gte=F("lead__engagement_from"))
    monkeypatch.setattr(evaluate_query, "_counts", lambda as_of: wrong)


def _engagement_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies before the lead's new start counts."""
    monkeypatch.setattr(evaluate_query, "_counts", lambda as_of: Q(known_at__lte=as_of))


def _nothing_known_is_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """A yes or no that is not known counts as no."""
    right = evaluate_query._boolean
    monkeypatch.setitem(evaluate_query._READ, FieldType.BOOLEAN, lambda *args: (Q(), lambda op: ~right(*args)[1](op)))


PLANTS = (
    _late_window, _late_date, _unknown_matches_negatives, _parts_for_words, _known_too_late, _engagement_goes_on, _nothing_known_is_no,
)  # fmt: skip


@pytest.mark.django_db
def test_planted_faults_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    known = world.fill(7, 2 * LEADS)
    some = [replace(one, key=f"p{no}") for no, one in enumerate([*every_count(world), *every_question(EVERYTHING, Random(11))])]
    expected = reference(some, known)
    for plant in PLANTS:
        with monkeypatch.context() as patch:
            plant(patch)
            with pytest.raises(AssertionError):
                compare(some, expected)
