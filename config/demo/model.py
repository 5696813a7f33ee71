"""What Harborline's two sides agreed: a first model, a better one some weeks later, and the next draft."""

from collections import Counter
from datetime import timedelta
from typing import Any

from django.utils import timezone

from config.demo.talk import talk_it_over
from handoff.rejections import rejections
from leads import clock
from leads.choices import Outcome
from leads.models import Case, User
from scoring.actions.criteria import add_criterion, edit_criterion
from scoring.actions.parts import add_gate, set_decision
from scoring.actions.reviewing import set_next_review
from scoring.actions.signing import give_verdict, propose_version
from scoring.actions.versions import create_draft, create_model
from scoring.activation import activate_here
from scoring.compiler import criterion_data
from scoring.models import Activation, ModelVersion, ScoringModel

OWN_FLEET = ["Healthcare", "Public sector"]
TARGETS = ["Logistics", "Manufacturing", "Retail", "Food and beverage", "Wholesale"]
DECIDED = [Outcome.REJECTED, Outcome.LOST, Outcome.WON]
SERVED = ["DE", "NL", "AT", "CH", "FR", "SE", "GB", "PL"]


def _test(key: str, label: str, points: int, when: dict[str, Any], dimension: str = "fit", why: str = "") -> dict[str, Any]:
    return {
        "key": key,
        "label": label,
        "dimension": dimension,
        "shape": "test",
        "points": points,
        "when": {"all": [when]},
        "why": why,
    }


def _tally(key: str, label: str, points: int, kinds: list[str], days: int, **more: Any) -> dict[str, Any]:
    return {
        "key": key,
        "label": label,
        "dimension": "engagement",
        "shape": "tally",
        "points": points,
        "event": {"kinds": kinds, "assets": [], "campaigns": []},
        "days": days,
        "award": "once",
        "freq_min": 1,
        **more,
    }


FIRST: tuple[dict[str, Any], ...] = (
    _test("size", "Company size 200 to 5,000", 12, {"field": "company.employees", "op": "between", "low": 200, "high": 5000}),
    _test("mid_size", "Company size 20 to 199", 10, {"field": "company.employees", "op": "between", "low": 20, "high": 199}),
    _test("industry", "Industry on the target list", 11, {"field": "company.industry", "op": "in", "values": TARGETS}),
    _test("own_fleet", "Industry with a fleet of its own", 7, {"field": "company.industry", "op": "in", "values": OWN_FLEET}),
    _test(
        "decider",
        "Director or above",
        11,
        {"field": "lead.seniority", "op": "in", "values": ["owner", "c_level", "vp", "director"]},
    ),
    _test("manager", "Manager", 7, {"field": "lead.seniority", "op": "in", "values": ["manager"]}),
    _test("country", "Country we serve", 4, {"field": "lead.country", "op": "in", "values": SERVED}),
    _test(
        "free_mail",
        "Free mail address",
        -6,
        {"field": "lead.email_domain", "op": "in", "values": ["gmail.com", "gmx.de", "outlook.com", "web.de"]},
    ),
    _tally("demo", "Requested a demo", 18, ["demo_request", "contact_request"], 90),
    _tally("pricing", "Viewed pricing", 9, ["pricing_view"], 30, award="each", freq_max=2),
    _tally(
        "content",
        "Took content",
        7,
        ["ebook", "whitepaper", "case_study", "roi_guide"],
        90,
        award="each",
        freq_max=4,
        half_life=30,
        cap=15,
    ),
    _tally("webinar", "Attended a webinar", 8, ["webinar_attended"], 120),
    _tally("event", "Met us at an event", 7, ["event_visit"], 120),
    _tally("site", "Looked around the site", 2, ["page_view", "product_view", "security_view"], 60, award="each", freq_max=4),
    _tally("unsubscribed", "Unsubscribed", -20, ["unsubscribed"], 365),
)
GATE = {
    "key": "competitor",
    "label": "Works for a competitor",
    "when": {"any": [{"field": "company.is_competitor", "op": "is", "value": True}]},
}
DECISION = {
    "kind": "total",
    "tiers": ["D", "C", "B", "A"],
    "edges": [30, 60, 74],
    "mql_from": "B",
    "mqo": {
        "tiers": ["A"],
        "when": {"any": [{"event": {"kinds": ["demo_request", "contact_request"]}, "days": 30, "at_least": 1}]},
    },
}


# A demonstration of few leads may have none that meet a criterion, so that all are kept.


def activate_first_model(people: dict[str, User]) -> ModelVersion:
    """The first agreement, in force from the first day; nobody of the past is handed over by it."""
    maya, jonas = people["maya"], people["jonas"]
    version = create_model("Harborline standard", actor=maya, start="empty")
    for data in FIRST:
        add_criterion(version, data, actor=maya, rev=version.rev, keep=True)
    add_gate(version, GATE, actor=jonas, rev=version.rev)
    set_decision(version, DECISION, actor=jonas, rev=version.rev)
    _agree(version, people, reason="Agreed in the kick-off of both teams.")
    return version


def _agree(version: ModelVersion, people: dict[str, User], *, reason: str) -> None:
    """Maya proposes, the heads of both sides sign, Jonas puts it into force; nobody of the past is handed over by it."""
    propose_version(version, actor=people["maya"], rev=version.rev, reason=reason)
    for head in ("hanna", "jonas"):
        give_verdict(version, actor=people[head], verdict="agree", spec_hash=version.spec_hash)
    activate_here(version, actor=people["jonas"], reason=reason, wave=Activation.Wave.NONE)


def replace_model(people: dict[str, User]) -> None:
    """Some months later: small firms wasted the reps' time, so size earns points from higher on. The words are counted."""
    maya, jonas = people["maya"], people["jonas"]
    draft = create_draft(ScoringModel.objects.get(), actor=maya)
    _change(
        draft,
        "mid_size",
        maya,
        label="Company size 50 to 199",
        points=7,
        when={"all": [{"field": "company.employees", "op": "between", "low": 50, "high": 199}]},
    )
    add_criterion(
        draft,
        _test(
            "tiny",
            "Fewer than 20 people",
            -14,
            {"field": "company.employees", "op": "between", "high": 19},
            why=_said_of_small(),
        ),
        actor=jonas,
        rev=draft.rev,
        keep=True,
    )
    _change(draft, "site", maya, points=1)
    reason = f"{_said_too_small(maya)}: size earns points from 50 people on, and very small firms lose points."
    _agree(draft, people, reason=reason)


def _said_too_small(reader: User) -> str:
    """How many of the rejections up to now said too small, and whether it was the most frequent reason."""
    said = Counter(rejections(reader).values_list("reason__code", flat=True))
    small = said["too_small"]
    if not small:
        return "Both sides want no more firms that are too small"
    leads = all(number < small for code, number in said.items() if code != "too_small")
    return f"{small} of {said.total()} rejections said too small{', more than any other reason' if leads else ''}"


def _said_of_small() -> str:
    """What became of the small firms that sales has decided on, in the old system or here."""
    ends = Counter(
        Case.objects.filter(lead__company__employees__lt=50, outcome__in=DECIDED).values_list("outcome", flat=True),
    )
    if not ends:
        return "Nobody has sold to any of them yet."
    won = ends[Outcome.WON]
    became = "1 became a customer" if won == 1 else f"{won or 'none'} became customers"
    return f"Of {ends.total()} leads from firms under 50 people that sales decided on, {became}."


def open_next_draft(people: dict[str, User]) -> None:
    """What is on the table for the next meeting."""
    maya, ben = people["maya"], people["mona"]
    draft = create_draft(ScoringModel.objects.get(), actor=maya)
    _change(draft, "content", ben, points=6)
    horizon = {"field": "custom.buying_horizon", "op": "in", "values": ["This quarter"]}
    add_criterion(
        draft,
        _test("soon", "Wants to decide this quarter", 12, horizon, why="Asked on the demo form."),
        actor=maya,
        rev=draft.rev,
        keep=True,
    )
    talk_it_over(draft, people)


def plan_review(people: dict[str, User]) -> None:
    """Both heads look at the criteria again in some days, on a working day."""
    model = ScoringModel.objects.get()
    on = timezone.localdate(clock.now()) + timedelta(days=5)
    while on.weekday() > 4:
        on += timedelta(days=1)
    set_next_review(model, on, actor=people["hanna"], seen=model.next_review_on)


def _change(draft: ModelVersion, key: str, actor: User, **changes: Any) -> None:
    row = draft.criteria.select_related("group").get(key=key)
    row.version = draft
    edit_criterion(row, {**criterion_data(row), **changes}, actor=actor, rev=draft.rev, keep=True)
