"""What Harborline's two sides agreed: a first model, a better one some weeks later, and the next draft."""

from typing import Any

from leads.models import User
from scoring.actions.criteria import add_criterion, edit_criterion
from scoring.actions.parts import add_gate, set_decision
from scoring.actions.versions import activate_version, create_draft, create_model
from scoring.compiler import criterion_data
from scoring.models import Activation, ModelVersion, ScoringModel

TARGETS = ["Logistics", "Manufacturing", "Retail", "Food and beverage", "Wholesale"]
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
    _test("size", "Company size 20 to 5,000", 14, {"field": "company.employees", "op": "between", "low": 20, "high": 5000}),
    _test("industry", "Industry on the target list", 14, {"field": "company.industry", "op": "in", "values": TARGETS}),
    _test(
        "decider",
        "Decides or advises",
        12,
        {"field": "lead.seniority", "op": "in", "values": ["owner", "c_level", "vp", "director", "manager"]},
    ),
    _test("country", "Country we serve", 6, {"field": "lead.country", "op": "in", "values": SERVED}),
    _test(
        "free_mail",
        "Free mail address",
        -8,
        {"field": "lead.email_domain", "op": "in", "values": ["gmail.com", "gmx.de", "outlook.com", "web.de"]},
    ),
    _tally("demo", "Requested a demo", 24, ["demo_request", "contact_request"], 90),
    _tally("pricing", "Viewed pricing", 12, ["pricing_view"], 30, award="each", freq_max=2),
    _tally(
        "content",
        "Took content",
        9,
        ["ebook", "whitepaper", "case_study", "roi_guide"],
        180,
        award="each",
        freq_max=4,
        half_life=60,
        cap=20,
    ),
    _tally("webinar", "Attended a webinar", 10, ["webinar_attended"], 120),
    _tally("event", "Met us at an event", 10, ["event_visit"], 120),
    _tally("site", "Looked around the site", 2, ["page_view", "product_view", "security_view"], 60, award="each", freq_max=5),
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
    "edges": [30, 60, 80],
    "mql_from": "B",
    "mqo": {
        "tiers": ["A"],
        "when": {"any": [{"event": {"kinds": ["demo_request", "contact_request"]}, "days": 30, "at_least": 1}]},
    },
}


def activate_first_model(people: dict[str, User]) -> ModelVersion:
    """The first agreement, in force from the first day; nobody of the past is handed over by it."""
    maya, jonas = people["maya"], people["jonas"]
    version = create_model("Harborline standard", actor=maya, start="empty")
    for data in FIRST:
        add_criterion(version, data, actor=maya, rev=version.rev)
    add_gate(version, GATE, actor=jonas, rev=version.rev)
    set_decision(version, DECISION, actor=jonas, rev=version.rev)
    activate_version(
        version, actor=jonas, rev=version.rev, reason="Agreed in the kick-off of both teams.", wave=Activation.Wave.NONE
    )
    return version


def replace_model(people: dict[str, User]) -> None:
    """Some weeks later: small firms wasted the reps' time, so size counts more and starts higher."""
    maya, jonas = people["maya"], people["jonas"]
    draft = create_draft(ScoringModel.objects.get(), actor=maya)
    _change(
        draft,
        "size",
        maya,
        label="Company size 50 to 5,000",
        points=18,
        when={"all": [{"field": "company.employees", "op": "between", "low": 50, "high": 5000}]},
    )
    add_criterion(
        draft,
        _test(
            "tiny",
            "Fewer than 20 people",
            -18,
            {"field": "company.employees", "op": "between", "high": 19},
            why="Two of three rejects were too small.",
        ),
        actor=jonas,
        rev=draft.rev,
    )
    _change(draft, "site", maya, points=1)
    reason = "Half of all rejects said too small: size starts at 50, and very small firms lose points."
    activate_version(draft, actor=jonas, rev=draft.rev, reason=reason, wave=Activation.Wave.NONE)


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
    )


def _change(draft: ModelVersion, key: str, actor: User, **changes: Any) -> None:
    row = draft.criteria.select_related("group").get(key=key)
    row.version = draft
    edit_criterion(row, {**criterion_data(row), **changes}, actor=actor, rev=draft.rev)
