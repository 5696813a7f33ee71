"""Taking in what came: the one path for the API, imports and people's own entries.

Every item is kept raw, whatever becomes of it; nothing else of a refused one is stored. A call is one transaction with the
same number of statements for one item and for a thousand. Two calls at once with the same people double nobody: the loser of a
race starts again and finds them known.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from leads.errors import Invalid
from leads.intake import activities, arrivals, reports
from leads.intake.companies import wanted
from leads.intake.incoming import MOST_AT_ONCE, AboutLead, Incoming, Problem, Taken
from leads.intake.reading import (
    OwnReader,
    Reading,
    check_activity,
    check_label,
    check_outcome,
    plain_ids,
    problem,
    read,
    readers_of,
)
from leads.intake.record import Context, again_when_overtaken
from leads.lib.folding import fold
from leads.models import LeadField, Product, User


def take_in(
    items: Sequence[Incoming],
    *,
    actor: User | None,
    channel: str,
    at: datetime | None = None,
    import_run_id: int | None = None,
    api_key_id: int | None = None,
) -> list[Taken]:
    """Take in up to 1,000 leads; answers one `Taken` for each, in order.

    The same person (e-mail, else id of another system, else phone and surname) is updated, not doubled: the newest word on each
    field wins, blank says nothing, what changed is kept as an event. Who can be reached becomes a prospect, others stay
    inquiries with the reason. `channel` is "api", "import" or "manual".
    """
    _check_size(items)
    context = Context(actor, channel, at, import_run_id, api_key_id)
    items = [_with_plain_ids(item) for item in items]
    own = _own_readers(items)
    readings = [read(item, own, context.at) for item in items]
    assets = activities.assets_for(activity for item in items for activity in item.activities)
    for item, reading in zip(items, readings, strict=True):
        _check_identity(item, reading)
        for number, activity in enumerate(item.activities):
            if activity.asset and activity.asset not in assets:
                reading.refusals.append(problem("unknown_asset", f"activities[{number}].asset", activity.asset, "a known asset"))
    products = _products(readings)
    return again_when_overtaken(lambda: arrivals.take_in_leads(items, readings, assets, products, context))


def take_in_companies(
    items: Sequence[Incoming],
    *,
    actor: User | None,
    channel: str,
    at: datetime | None = None,
    import_run_id: int | None = None,
    api_key_id: int | None = None,
) -> list[Taken]:
    """Take in up to 1,000 companies by domain, else by name; what is said replaces what was known, blank says nothing."""
    _check_size(items)
    context = Context(actor, channel, at, import_run_id, api_key_id)
    readings = [read(item, {}, context.at) for item in items]
    for reading in readings:
        if not reading.refusals and wanted(reading) == ("", ""):
            reading.refusals.append(
                Problem("no_identity", "company.name", None, "Neither a name nor a domain of the company is given.")
            )
    return again_when_overtaken(lambda: reports.tell_of_companies(items, readings, context))


def take_in_activities(
    items: Sequence[AboutLead],
    *,
    actor: User | None,
    channel: str,
    at: datetime | None = None,
    import_run_id: int | None = None,
    api_key_id: int | None = None,
) -> list[Taken]:
    """Take in up to 1,000 activities of known leads: "created", or "attached" when the same event is stored already."""
    _check_size(items)
    context = Context(actor, channel, at, import_run_id, api_key_id)
    items = [_about_plain_ids(item) for item in items]
    did = [item.activity for item in items if item.activity is not None]
    assets = activities.assets_for(did)
    refusals: list[list[Problem]] = []
    for item in items:
        refused = list(item.problems)
        if item.activity is None:
            if not refused:  # else what could not be read is named already
                refused.append(Problem("no_activity", "activity", None, "Nothing is said to have happened."))
        else:
            check_activity(item.activity, context.at, "", refused)
            if item.activity.asset and item.activity.asset not in assets:
                refused.append(problem("unknown_asset", "asset", item.activity.asset, "a known asset"))
        check_label(item.source, "source", 80, refused)
        refusals.append(refused)
    return again_when_overtaken(lambda: reports.tell_of_activities(items, refusals, assets, context))


def take_in_outcomes(
    items: Sequence[AboutLead],
    *,
    actor: User | None,
    channel: str,
    at: datetime | None = None,
    import_run_id: int | None = None,
    api_key_id: int | None = None,
) -> list[Taken]:
    """Take in up to 1,000 outcomes of known leads: "created" a case, "updated" an open one, or "attached" when known already."""
    _check_size(items)
    context = Context(actor, channel, at, import_run_id, api_key_id)
    items = [_about_plain_ids(item) for item in items]
    refusals: list[list[Problem]] = []
    for item in items:
        refused = list(item.problems)
        if item.outcome is None:
            if not refused:  # else what could not be read is named already
                refused.append(Problem("no_outcome", "outcome", None, "No outcome is given."))
        else:
            check_outcome(item.outcome, context.at, refused)
        check_label(item.source, "source", 80, refused)
        refusals.append(refused)
    return again_when_overtaken(lambda: reports.tell_of_outcomes(items, refusals, context))


def _with_plain_ids(item: Incoming) -> Incoming:
    problems: list[Problem] = []
    plain = plain_ids(item.external, problems)
    return item if plain == item.external else replace(item, external=plain, problems=(*item.problems, *problems))


def _about_plain_ids(item: AboutLead) -> AboutLead:
    problems: list[Problem] = []
    plain = plain_ids(item.who.external, problems)
    if plain == item.who.external:
        return item
    return replace(item, who=replace(item.who, external=plain), problems=(*item.problems, *problems))


def _check_size(items: Sequence[object]) -> None:
    if len(items) > MOST_AT_ONCE:
        raise Invalid(
            f"{len(items):,} items at once; at most {MOST_AT_ONCE:,}.",
            code="too_many_items",
            field="items",
            value=len(items),
            expected=f"at most {MOST_AT_ONCE}",
        )


def _own_readers(items: Sequence[Incoming]) -> dict[str, OwnReader]:
    if any(key.startswith("custom.") for item in items for key in item.values):
        return readers_of(LeadField.objects.filter(active=True))
    return {}


def _products(readings: Sequence[Reading]) -> dict[str, int]:
    if not any("lead.product_interest" in reading.facts for reading in readings):
        return {}
    found: dict[str, int] = {}
    for pk, key, name in Product.objects.values_list("pk", "key", "name"):
        found.setdefault(fold(key), pk)
        found.setdefault(fold(name), pk)
    return found


def _check_identity(item: Incoming, reading: Reading) -> None:
    if reading.refusals or reading.email.key or any(item.external.values()) or reading.phone.e164:
        return
    given = reading.email.given or reading.phone.given
    reading.refusals.append(
        Problem(
            "no_identity",
            "lead.email",
            given or None,
            f"“{given}” cannot exist, and nothing else says who this is."
            if given
            else "Neither e-mail, phone nor the id of another system is given.",
        )
    )
