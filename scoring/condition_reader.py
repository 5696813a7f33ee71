"""From JSON to valid clauses and conditions over the registry's fields, values folded and sorted."""

import re
from collections.abc import Mapping
from datetime import date
from math import isfinite
from typing import Any, Literal, cast

from leads.choices import FieldType, Known
from leads.lib.folding import fold
from scoring.operators import EPOCH, OPERATORS, Operator, Takes
from scoring.reading import MAX_COUNT, MAX_DAYS, At, a_key, a_list, a_whole, an_object, maybe_whole, one_of
from scoring.registry import Field, Registry, plain_tag
from scoring.spec import EVENT_PARTS, Condition, EventClause, EventFilter, FieldClause

MAX_DIGITS = 15
MAX_PARTS = 50
MAX_VALUES = 2_000


def _number(at: At, data: object) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float) or not isfinite(data):
        at.refuse(f"{data!r} is not a number", code="wrong_number", value=data, expected="a number")
    if len(re.sub(r"e.*|[^0-9]", "", repr(data)).lstrip("0")) > MAX_DIGITS or abs(data) >= 10**MAX_DIGITS:
        at.refuse(f"{data!r} has too many digits", code="wrong_number", value=data, expected=f"at most {MAX_DIGITS} digits")
    return float(data)


def _day(at: At, data: object) -> float:
    try:
        return float(date.fromisoformat(cast("str", data)).toordinal() - EPOCH)
    except (TypeError, ValueError):
        at.refuse(f"{data!r} is not a date", code="wrong_date", value=data, expected="a date such as 2026-03-31")


def _values(at: At, data: object, field: Field) -> tuple[str, ...]:
    """Folded for text, checked against the choices otherwise; sorted, without doubles."""
    found: set[str] = set()
    offered = {key for key, _ in field.choices}
    for index, value in enumerate(a_list(at, data, least=1, most=MAX_VALUES)):
        if not isinstance(value, str):
            at.into(index).refuse(f"{value!r} is not a text", code="wrong_value", value=value, expected="a text")
        plain = fold(value).strip() if field.type == FieldType.TEXT else value
        if not plain:
            at.into(index).refuse(
                f"{value!r} holds no letter or digit to compare",
                code="empty_value",
                value=value,
                expected="a text with letters or digits",
            )
        if offered and plain not in offered:
            at.into(index).refuse(
                f"“{field.label}” has no choice {value!r}", code="not_a_choice", value=value, expected=", ".join(sorted(offered))
            )
        found.add(plain)
    return tuple(sorted(found))


def _field_clause(at: At, data: dict[str, Any], registry: Registry) -> FieldClause:
    name = data.get("field")
    field = registry.fields.get(name) if isinstance(name, str) else None
    if field is None:
        at.into("field").refuse(
            f"there is no field {name!r}", code="unknown_field", value=name, expected="a field of leads or companies"
        )
    if not field.active:
        at.into("field").refuse(
            f"the field “{field.label}” is no longer in use", code="inactive_field", value=name, expected="an active field"
        )
    if field.known == Known.AFTER:
        at.into("field").refuse(
            f"“{field.label}” is learnt only after the decision, so it cannot decide",
            code="known_after",
            value=name,
            expected="a field known at intake or at the decision",
        )
    operators = OPERATORS[field.type]
    operator = operators.get(one_of(at.into("op"), data.get("op"), tuple(operators)))
    assert operator is not None
    return _arguments(at, data, field, operator, registry)


def _arguments(at: At, data: dict[str, Any], field: Field, operator: Operator, registry: Registry) -> FieldClause:
    needed, possible = {
        Takes.NOTHING: ((), ()),
        Takes.VALUES: (("values",), ()),
        Takes.LIST: (("list",), ("rev",)),
        Takes.RANGE: ((), ("low", "high")),
        Takes.DAYS: (("days",), ()),
        Takes.FLAG: (("value",), ()),
    }[operator.takes]
    given = an_object(at, data, required=("field", "op", *needed), optional=possible)
    base = FieldClause(field.key, field.type, operator.name)
    match operator.takes:
        case Takes.VALUES:
            return _with(base, values=_values(at.into("values"), given["values"], field))
        case Takes.LIST:
            return _listed(at, given, base, registry)
        case Takes.RANGE:
            return _range(at, given, base)
        case Takes.DAYS:
            return _with(base, days=a_whole(at.into("days"), given["days"], 1, MAX_DAYS))
        case Takes.FLAG:
            if not isinstance(given["value"], bool):
                at.into("value").refuse(
                    "this must be true or false", code="wrong_value", value=given["value"], expected="true or false"
                )
            return _with(base, flag=given["value"])
        case _:
            return base


def _with(clause: FieldClause, **arguments: Any) -> FieldClause:
    return FieldClause(clause.field, clause.type, clause.op, **arguments)


def _range(at: At, given: dict[str, Any], base: FieldClause) -> FieldClause:
    read = _day if base.type == FieldType.DATE else _number
    low = read(at.into("low"), given["low"]) if "low" in given else None
    high = read(at.into("high"), given["high"]) if "high" in given else None
    if low is None and high is None:
        at.into("low").refuse("a range needs at least one end", code="missing")
    if low is not None and high is not None and low > high:
        at.into("high").refuse(
            f"nothing lies from {given['low']} to {given['high']}",
            code="empty_range",
            value=given["low"],
            expected="an end that is not below the beginning",
        )
    return _with(base, low=low, high=high)


def _listed(at: At, given: dict[str, Any], base: FieldClause, registry: Registry) -> FieldClause:
    """A list without a revision means its latest; the spec names the revision, so later edits leave it alone."""
    key = given["list"]
    latest = registry.latest_lists.get(key) if isinstance(key, str) else None
    if latest is None:
        at.into("list").refuse(
            f"there is no value list {key!r}",
            code="unknown_list",
            value=key,
            expected=", ".join(sorted(registry.latest_lists)) or "a value list",
        )
    rev = a_whole(at.into("rev"), given.get("rev", latest), 1, latest)
    listed = registry.list_values(key, rev)
    if listed is None:
        at.into("rev").refuse(
            f"the list {key!r} has no revision {rev}", code="unknown_list", value=rev, expected="an existing revision"
        )
    return _with(base, list_key=key, rev=rev, listed=listed)


def read_event(at: At, data: object, registry: Registry) -> EventFilter:
    """Which activities count. A kind need not be among those the portal has words for: other systems send their own.

    A tag means the assets that bear it now; what was frozen names those it meant then.
    """
    given = an_object(at, data, optional=EVENT_PARTS)
    kinds = tuple(
        sorted({a_key(at.into("kinds"), kind) for kind in a_list(at.into("kinds"), given.get("kinds", []), most=MAX_PARTS)})
    )
    ids = {
        name: tuple(
            sorted(
                {a_whole(at.into(name), one, 1, 2**63 - 1) for one in a_list(at.into(name), given.get(name, []), most=MAX_VALUES)}
            )
        )
        for name in ("assets", "campaigns", "tagged")
    }
    tags = _tags(at.into("tags"), given.get("tags", []))
    if not (kinds or ids["assets"] or ids["campaigns"] or tags):
        at.refuse("no activity is named", code="missing", expected="an activity, a tag, an asset or a campaign")
    if registry.tagged is not None:
        ids["tagged"] = _bearing(at.into("tags"), tags, registry.tagged)
    if bool(tags) != bool(ids["tagged"]):
        at.into("tagged").refuse("tags and the assets that bear them go together", code="missing", expected="both")
    return EventFilter(kinds, ids["assets"], ids["campaigns"], tags, ids["tagged"])


def _tags(at: At, data: object) -> tuple[str, ...]:
    found = set()
    for index, tag in enumerate(a_list(at, data, most=MAX_PARTS)):
        if not isinstance(tag, str) or not (plain := plain_tag(tag)):
            at.into(index).refuse(f"{tag!r} is no tag", code="wrong_value", value=tag, expected="a tag such as pricing")
        found.add(plain)
    return tuple(sorted(found))


def _bearing(at: At, tags: tuple[str, ...], tagged: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    for tag in tags:
        if tag not in tagged:
            at.refuse(
                f"no asset is tagged “{tag}”",
                code="unknown_tag",
                value=tag,
                expected=", ".join(sorted(tagged)) or "a tagged asset",
            )
    return tuple(sorted({asset for tag in tags for asset in tagged[tag]}))


def _event_clause(at: At, data: dict[str, Any], registry: Registry) -> EventClause:
    given = an_object(at, data, required=("event", "days"), optional=("at_least", "at_most"))
    event = read_event(at.into("event"), given["event"], registry)
    days = a_whole(at.into("days"), given["days"], 1, MAX_DAYS)
    least = maybe_whole(at, given, "at_least", 1, MAX_COUNT)
    most = maybe_whole(at, given, "at_most", 0, MAX_COUNT)
    if least is None and most is None:
        at.into("at_least").refuse(
            "how many activities is not said", code="missing", expected="at least how many, at most how many, or both"
        )
    if least is not None and most is not None and least > most:
        at.into("at_most").refuse(
            f"at least {least} and at most {most} cannot both be",
            code="empty_range",
            value=least,
            expected="a most that is not below the least",
        )
    return EventClause(event, days, least, most)


def read_condition(at: At, data: object, registry: Registry, *, may_be_empty: bool = False, nested: bool = False) -> Condition:
    given = an_object(at, data, optional=("all", "any"))
    if len(given) != 1:
        at.refuse("a condition is either “all” or “any”", code="wrong_shape", value=sorted(given), expected="all or any")
    mode: Literal["all", "any"] = "all" if "all" in given else "any"
    here = at.into(mode)
    entries = a_list(here, given[mode], most=MAX_PARTS)
    if not entries and not (may_be_empty and mode == "all"):
        here.refuse("nothing is asked", code="empty", expected="at least one question")
    parts: list[FieldClause | EventClause | Condition] = []
    for index, entry in enumerate(entries):
        place = here.into(index)
        if isinstance(entry, dict) and ("all" in entry or "any" in entry):
            if nested:
                place.refuse("conditions nest one level only", code="too_deep", expected="a clause")
            parts.append(read_condition(place, entry, registry, nested=True))
        elif isinstance(entry, dict) and "event" in entry:
            parts.append(_event_clause(place, entry, registry))
        elif isinstance(entry, dict):
            parts.append(_field_clause(place, entry, registry))
        else:
            place.refuse("this must be an object", code="wrong_shape", value=entry, expected="a clause")
    return Condition(mode, tuple(parts))
