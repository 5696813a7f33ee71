"""The shapes of the API's requests, and how they become items of the intake. Types here, meaning in the intake."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError

from leads import normalise
from leads.intake.incoming import AboutLead, Incoming, IncomingActivity, IncomingOutcome, Problem, Taken, Who
from leads.intake.reading import is_storable, problem, shown
from leads.models import Campaign
from leads.normalise import Misfit

Text = StrictStr | None
Number = StrictInt | StrictFloat | StrictStr | None
YesNo = StrictBool | StrictStr | None
IDS = "Ids of other systems by system, in any case; one of each. Blanks around both are left off."


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CompanyIn(_Wire):
    """The company a lead works for. Blank says nothing."""

    name: Text = Field(None, examples=["Okafor Werke"])
    domain: Text = Field(None, description="A domain or website.", examples=["okafor-werke.de"])
    industry: Text = None
    employees: Number = Field(None, examples=[250])
    revenue: Number = Field(None, description="Yearly, in the company's currency.")
    country: Text = Field(None, description="Code or name.")
    is_customer: YesNo = None
    is_competitor: YesNo = None


class EventIn(_Wire):
    """Something a lead did. The same `source` and `source_id` sent twice are one activity."""

    kind: StrictStr = Field(
        description="Small letters, digits and _. One of your own is taken; the first of a kind comes back with the note `new_kind`.",
        examples=["demo_request"],
    )
    occurred_at: AwareDatetime = Field(description="With a time zone, not in the future.", examples=["2026-06-08T09:00:00Z"])
    asset: StrictStr = Field("", description="Key of an asset.")
    campaign: StrictStr = Field(
        "",
        description="Name of a campaign, in any case. With a lead: blank is that of the lead, an unknown one is noted and none kept.",
    )
    source: StrictStr = ""
    source_id: StrictStr = Field("", description="The event's id in the other system.")
    properties: dict[str, Any] = Field(default_factory=dict)


class LeadIn(_Wire):
    """A person. Known by e-mail, else by an id of another system, else by phone and surname; the newest word on a field wins."""

    email: Text = Field(None, examples=["ivy.okafor@okafor-werke.de"])
    phone: Text = Field(None, description="With country prefix, or in the plan of `country`.")
    first_name: Text = None
    last_name: Text = None
    job_title: Text = Field(None, examples=["Head of IT"])
    seniority: Text = Field(None, description="Else derived from the title.")
    department: Text = Field(None, description="Else derived from the title.")
    country: Text = Field(None, description="Code or name.")
    language: Text = None
    product_interest: Text = Field(None, description="Key or name of a product.")
    consent: YesNo = Field(None, description="true, false, given, refused or unknown.")
    company: CompanyIn | None = None
    custom: dict[str, Any] = Field(default_factory=dict, description="Own fields by key.")
    external_ids: dict[str, StrictStr] = Field(default_factory=dict, description=IDS)
    activities: list[EventIn] = Field(default_factory=list, max_length=100)
    source: StrictStr = Field("", description="Else that of the key.")
    campaign: StrictStr = Field("", description="Name of a campaign, in any case; an unknown one is noted and left out.")
    occurred_at: AwareDatetime | None = Field(
        None, description="When this was said; else now. With a time zone, not in the future."
    )


class WhoIn(_Wire):
    """A lead that is known already: by id, else by e-mail, else by another system's id.

    Keys that belong to different leads refuse the item (`different_leads`).
    """

    id: StrictInt | None = None
    email: StrictStr = ""
    external_ids: dict[str, StrictStr] = Field(default_factory=dict, description=IDS)


class ActivityIn(EventIn):
    """Something a known lead did."""

    lead: WhoIn


class OutcomeIn(_Wire):
    """What became of a known lead. The newest outcome counts; one older than that, or than what goes on with the lead now, moves nothing.

    One from before the lead's present hand-off, or before it went back to marketing, is kept as a past case. Either way the note
    `older_outcome` says so. Midnight speaks of the whole day.
    """

    lead: WhoIn
    outcome: StrictStr = Field(description="won, lost, rejected, working, closed_unworked or unknown.", examples=["won"])
    occurred_at: AwareDatetime | None = Field(None, description="Else now. With a time zone, not in the future.")
    reason: StrictStr = Field("", description="Code or label of a reason.")
    amount: Number = Field(None, description="From 0 to 999,999,999,999.99.", examples=[1200.5])


Shape = TypeVar("Shape", bound=BaseModel)

_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "string_type": "not_text",
    "int_type": "not_number",
    "float_type": "not_number",
    "bool_type": "not_boolean",
    "dict_type": "not_object",
    "model_type": "not_object",
    "model_attributes_type": "not_object",
    "list_type": "not_list",
    "too_long": "too_many_values",
    "timezone_aware": "no_time_zone",
    "string_unicode": "bad_character",
}
_EXPECTED = {
    "missing": "given",
    "unknown_field": "a known field",
    "not_text": "text",
    "not_number": "a number",
    "not_boolean": "true or false",
    "not_object": "an object",
    "not_list": "a list",
    "too_many_values": "that many at most",
    "no_time_zone": "a time with its zone",
    "bad_character": "text without broken letters",
    "not_date": "a time, such as 2026-06-08T09:00:00Z",
    "wrong_type": "of the right type",
}


def shaped(shape: type[Shape], raw: object) -> tuple[Shape | None, tuple[Problem, ...]]:
    """`raw` in its shape, or every place where it is not, with stable codes."""
    try:
        return shape.model_validate(raw), ()
    except ValidationError as error:
        found: dict[str, Problem] = {}
        for one in error.errors(include_url=False, include_context=False):
            place = _place(one["loc"])
            code = _CODES.get(one["type"]) or ("not_date" if one["type"].startswith(("datetime", "date")) else "wrong_type")
            if place in found:  # one value, several types that it might have had
                continue
            value = shown(one["input"]) if code not in ("missing", "unknown_field") else None
            words = f"{place}: “{value}” is not {_EXPECTED[code]}." if value is not None else f"{place} is not {_EXPECTED[code]}."
            found[place] = Problem(code, place, value, words)
        return None, tuple(found.values())


_UNION_STEPS = frozenset({"str", "int", "float", "bool", "constrained-str"})


def _place(steps: Sequence[int | str]) -> str:
    path = ""
    for step in steps:
        if step in _UNION_STEPS:
            continue
        path += f"[{step}]" if isinstance(step, int) else f".{shown(step)}" if path else str(shown(step))
    return path or "item"


class Campaigns:
    """Campaigns named in a request, in any case: found with one query, with a second only when one is spelt otherwise."""

    def __init__(self, names: set[str]) -> None:
        wanted = {name: " ".join(name.split()) for name in names if name.strip() and is_storable(name)}
        exact = dict(Campaign.objects.filter(name__in=wanted.values()).values_list("name", "pk")) if wanted else {}
        self._ids = {name: exact[plain] for name, plain in wanted.items() if plain in exact}
        if len(self._ids) < len(wanted):
            folded: dict[str, int] = {}
            for known, pk in Campaign.objects.order_by("pk").values_list("name", "pk"):
                folded.setdefault(known.casefold(), pk)
            left = wanted.keys() - self._ids.keys()
            self._ids |= {name: folded[key] for name in left if (key := wanted[name].casefold()) in folded}

    def find(self, name: str, place: str = "") -> tuple[int | None, tuple[Problem, ...]]:
        """The campaign's id, or the note that there is none of that name; `place` is where in the item it was named."""
        if not name.strip():
            return None, ()
        pk = self._ids.get(name)
        if pk is not None:
            return pk, ()
        return None, (Problem("unknown_campaign", f"{place}campaign", shown(name), f"There is no campaign “{shown(name)}”."),)


_LEAD_KEYS = (
    "email",
    "phone",
    "first_name",
    "last_name",
    "job_title",
    "seniority",
    "department",
    "country",
    "language",
    "product_interest",
    "consent",
)


def lead_of(
    raw: Mapping[str, object], shape: LeadIn | None, problems: tuple[Problem, ...], campaigns: Campaigns, source: str
) -> Incoming:
    """An item of the intake; one that has no shape is refused there and kept raw."""
    if shape is None:
        return Incoming(raw=raw, source=source, problems=problems)
    values: dict[str, object] = {f"lead.{key}": value for key in _LEAD_KEYS if (value := getattr(shape, key)) is not None}
    if shape.company is not None:
        values |= {f"company.{key}": value for key, value in shape.company.model_dump(exclude_none=True).items()}
    values |= {f"custom.{key}": value for key, value in shape.custom.items()}
    campaign_id, notes = campaigns.find(shape.campaign)
    for number, event in enumerate(shape.activities):
        notes += campaigns.find(event.campaign, f"activities[{number}].")[1]
    return Incoming(
        values=values,
        external=shape.external_ids,
        activities=[_event_of(event, campaigns, shape.source or source) for event in shape.activities],
        source=shape.source or source,
        campaign_id=campaign_id,
        occurred_at=shape.occurred_at,
        raw=raw,
        notes=notes,
    )


def _event_of(event: EventIn, campaigns: Campaigns, source: str) -> IncomingActivity:
    campaign_id, unknown = campaigns.find(event.campaign)
    return IncomingActivity(
        kind=event.kind,
        occurred_at=event.occurred_at,
        asset=event.asset,
        campaign_id=campaign_id,
        campaign_unknown=bool(unknown),
        source=event.source or source,
        source_id=event.source_id,
        properties=event.properties,
    )


def activity_of(
    raw: Mapping[str, object], shape: ActivityIn | None, problems: tuple[Problem, ...], campaigns: Campaigns, source: str
) -> AboutLead:
    """An activity for the intake."""
    if shape is None:
        return AboutLead(Who(), raw=raw, source=source, problems=problems)
    _, unknown = campaigns.find(shape.campaign)
    return AboutLead(
        who_of(shape.lead),
        activity=_event_of(shape, campaigns, source),
        source=shape.source or source,
        raw=raw,
        problems=(*problems, *unknown),
    )


def outcome_of(raw: Mapping[str, object], shape: OutcomeIn | None, problems: tuple[Problem, ...], source: str) -> AboutLead:
    """An outcome for the intake."""
    if shape is None:
        return AboutLead(Who(), raw=raw, source=source, problems=problems)
    amount: Decimal | None = None
    if shape.amount is not None:
        try:
            amount = normalise.amount(Decimal(str(shape.amount)))
        except Misfit as misfit:
            problems = (*problems, problem(misfit.code, "amount", shape.amount, misfit.expected))
        except ArithmeticError:
            problems = (*problems, problem("not_number", "amount", shape.amount, "a number, such as 1200.50"))
    told = IncomingOutcome(outcome=shape.outcome, at=shape.occurred_at, reason=shape.reason, amount=amount)
    return AboutLead(who_of(shape.lead), outcome=told, source=source, raw=raw, problems=problems)


# What the API calls two fields that an import, whose rows are of leads, has to call otherwise.
_SENT_AS = {"outcome_at": "occurred_at", "outcome_reason": "reason"}


def outcome_as_sent(taken: Taken) -> Taken:
    """What became of an outcome, its problems under the names of the fields that were sent."""
    return replace(taken, problems=tuple(replace(one, field=_SENT_AS.get(one.field, one.field)) for one in taken.problems))


def who_of(who: WhoIn) -> Who:
    return Who(lead_id=who.id, email=who.email, external=who.external_ids)


def as_utc(moment: datetime) -> str:
    """A time as the API writes it."""
    return moment.isoformat().replace("+00:00", "Z")
