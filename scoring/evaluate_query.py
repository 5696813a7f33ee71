"""The query evaluator: a criterion or condition as a `Q` over leads, for lists of the leads it matches.

It means what the reference evaluator means, over the leads as they are stored now: unknown matches nothing but `unknown`,
so a negation is "known and not ..."; days are UTC days; an event counts when it had happened and was known at the as-of
moment and lies not before the lead's `engagement_from`. Text is compared as the leads keep it folded, SQL folds nothing;
of the few texts that are not kept so, the spellings there are come to Python. For lists only: a preview asks columns.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Case, Count, DateTimeField, F, FloatField, Func, Model, Q, TextField, Value, When
from django.db.models.expressions import Combinable, Expression
from django.db.models.fields.json import HasAnyKeys, HasKeys, KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Coalesce, Collate
from django.db.models.lookups import (
    Contains,
    Exact,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThan,
    LessThanOrEqual,
    Regex,
)

from leads.choices import Consent, FieldType
from leads.facts import CORE_FIELDS
from leads.lib.folding import fold
from leads.models import Activity, Lead
from scoring.operators import date_of, day_of
from scoring.spec import Condition, Criterion, EventClause, EventFilter, FieldClause

NOBODY = Q(pk__in=())
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_DAY = day_of(datetime(9999, 12, 31, tzinfo=UTC))
_PATHS = {one.key: one.path for one in CORE_FIELDS}
# Where texts are kept folded: the column and the key in it. Custom ones are under their registry key.
_FOLDED = {
    "lead.job_title": ("folded", "job_title"),
    "lead.email_domain": ("folded", "email_domain"),
    "lead.first_source": ("folded", "first_source"),
    "company.name": ("company__folded", "name"),
    "company.industry": ("company__folded", "industry"),
    "company.domain": ("company__folded", "domain"),
}
_NEGATIVE = {"not_in": "in", "not_in_list": "in_list", "no_words": "words", "has_none": "has_any", "not_between": "between"}


def hits(criterion: Criterion, as_of: datetime) -> Q:
    """The leads a criterion hits at an aware moment: its test holds, or it counts `freq_min` events or more."""
    if criterion.when is not None:
        return holds(criterion.when, as_of)
    assert criterion.event is not None
    assert criterion.days is not None
    return _counted(criterion.event, criterion.days, as_of, criterion.freq_min)


def holds(condition: Condition, as_of: datetime) -> Q:
    """The leads for which a condition holds at an aware moment."""
    parts = [_part(one, as_of) for one in condition.parts]
    return _any(parts) if condition.mode == "any" else Q(*parts)


def reaches_far(scope: Condition, criterion: Criterion) -> bool:
    """Whether more than the leads and their companies has to be read whole: what all of them did, or all spellings of a text."""
    if criterion.when is None:
        return True
    return any(
        isinstance(clause, EventClause)
        or (clause.type == FieldType.TEXT and _own(clause) is None and clause.field not in _FOLDED)
        for condition in (scope, criterion.when)
        for clause in condition.clauses()
    )


def _part(part: FieldClause | EventClause | Condition, as_of: datetime) -> Q:
    if isinstance(part, Condition):
        return holds(part, as_of)
    if isinstance(part, FieldClause):
        return _field(part, day_of(as_of))
    found = [] if part.at_least is None else [_counted(part.event, part.days, as_of, part.at_least)]
    if part.at_most is not None:
        found.append(~_counted(part.event, part.days, as_of, part.at_most + 1))
    return Q(*found)


def _any(some: Iterable[Q | Combinable]) -> Q:
    parts = list(some)
    return Q(*parts, _connector=Q.OR) if parts else NOBODY


# --- Events -------------------------------------------------------------------------------------------------------------


def _counted(event: EventFilter, days: int, as_of: datetime, least: int) -> Q:
    """Leads with `least` such events or more in the last `days` days; counted over all leads at once, not one by one."""
    first = _midnight(day_of(as_of) - days + 1)
    counting = Activity.objects.order_by().filter(_counts(as_of), occurred_at__gte=first, occurred_at__lte=as_of)
    for name, wanted in (("kind", event.kinds), ("asset", event.of_assets), ("campaign", event.campaigns)):
        if wanted:
            counting = counting.filter(**{f"{name}__in": wanted})
    if least <= 1:
        return Q(pk__in=counting.values("lead"))
    return Q(pk__in=counting.values("lead").annotate(times=Count("pk")).filter(times__gte=least).values("lead"))


def _counts(as_of: datetime) -> Q:
    """Activities known by then, and not from before the lead's engagement began anew."""
    not_before = Q(lead__engagement_from=None) | Q(occurred_at__gte=F("lead__engagement_from"))
    return not_before & Q(known_at__lte=as_of)


def _midnight(day: int) -> datetime:
    return _EPOCH + timedelta(days=day)


# --- Fields -------------------------------------------------------------------------------------------------------------

_Match = Callable[[str], Q]
"""From a positive operator to the leads it matches."""


def _field(clause: FieldClause, today: int) -> Q:
    known, match = _READ[clause.type](clause, today)
    if clause.op == "known":
        return known
    if clause.op == "unknown":
        return ~known
    if clause.op in _NEGATIVE:
        return known & ~match(_NEGATIVE[clause.op])
    return known & match(clause.op)


def _whole(expression: Combinable | Expression) -> Q:
    return Q(IsNull(expression, False))


def _or_blank(text: Any) -> Coalesce:
    """An empty text in place of none: a negation of NULL would be NULL too."""
    return Coalesce(text, Value(""), output_field=TextField())


def _own(clause: FieldClause) -> str | None:
    """The key of a custom field in `attributes`, None for a core field."""
    owner, _, key = clause.field.partition(".")
    return key if owner == "custom" else None


def _shaped(key: str, shape: str) -> Q:
    """Leads whose custom field holds a JSON value of this shape; every other value is unknown."""
    shape_of = Func(KeyTransform(key, "attributes"), function="jsonb_typeof", output_field=TextField())
    return Q(Exact(_or_blank(shape_of), shape))


def _text(clause: FieldClause, today: int) -> tuple[Q, _Match]:
    column, key = ("folded", clause.field) if _own(clause) else _FOLDED.get(clause.field, ("", ""))
    wanted = [text.strip() for text in sorted(clause.listed)] if clause.list_key is not None else clause.values
    if not column:
        return _spelled(_PATHS[clause.field], wanted)
    text = _or_blank(KeyTextTransform(key, column))

    def match(op: str) -> Q:
        if op in ("in", "in_list"):
            return Q(In(text, [f" {value} " for value in wanted])) if wanted else NOBODY
        return _any(Contains(text, value if op == "part" else f" {value} ") for value in wanted)

    return ~Q(Exact(text, "")), match


def _spelled(path: str, wanted: Sequence[str]) -> tuple[Q, _Match]:
    """Of a text that is not kept folded, such as a country or a campaign's name: the spellings there are, folded here."""
    relation, _, name = path.rpartition("__")
    model: Any = Lead._meta.get_field(relation).related_model if relation else Lead
    assert issubclass(model, Model)
    there = model._default_manager.order_by().values_list(name, flat=True).distinct()
    spellings = {spelling: folded for spelling in there if (folded := fold(spelling))}

    def among(some: Iterable[str]) -> Q:
        found = sorted(some)
        return Q(In(_or_blank(F(path)), found)) if found else NOBODY

    def match(op: str) -> Q:
        whole = [f" {value} " for value in wanted]
        if op in ("in", "in_list"):
            return among(one for one, folded in spellings.items() if folded in whole)
        parts = wanted if op == "part" else whole
        return among(one for one, folded in spellings.items() if any(part in folded for part in parts))

    return among(spellings), match


def _choice(clause: FieldClause, today: int) -> tuple[Q, _Match]:
    key = _own(clause)
    value: Any = F(_PATHS[clause.field]) if key is None else KeyTextTransform(key, "attributes")
    unknown = ["", str(Consent.UNKNOWN)] if clause.field == "lead.consent" else [""]
    known = ~Q(In(_or_blank(value), unknown))
    return known if key is None else _shaped(key, "string") & known, lambda op: Q(In(value, list(clause.values)))


def _multi(clause: FieldClause, today: int) -> tuple[Q, _Match]:
    key = _own(clause)
    assert key is not None, "no core field holds several values"
    chosen = KeyTransform(key, "attributes")
    asks = {"has_any": HasAnyKeys, "has_all": HasKeys}
    return _shaped(key, "array"), lambda op: Q(asks[op](chosen, list(clause.values)))


def _number(clause: FieldClause, today: int) -> tuple[Q, _Match]:
    key = _own(clause)
    number: Any
    if key is None:
        number = Cast(F(_PATHS[clause.field]), FloatField())
    else:  # the shape first: what is no number must not be read as one
        number = Case(When(_shaped(key, "number"), then=Cast(KeyTextTransform(key, "attributes"), FloatField())))
    return _whole(number), lambda op: _within(number, clause.low, clause.high)


def _within(value: Combinable, low: Any, high: Any) -> Q:
    """Ends included; None leaves an end open."""
    found = [] if low is None else [Q(GreaterThanOrEqual(value, low))]
    if high is not None:
        found.append(Q(LessThanOrEqual(value, high)))
    return Q(*found)


def _boolean(clause: FieldClause, today: int) -> tuple[Q, _Match]:
    key, flag = _own(clause), clause.flag is True
    if key is None:
        value = F(_PATHS[clause.field])
        return _whole(value), lambda op: Q(Exact(value, flag))
    said = KeyTextTransform(key, "attributes")
    return _shaped(key, "boolean"), lambda op: Q(Exact(said, str(flag).lower()))


def _date(clause: FieldClause, today: int) -> tuple[Q, _Match]:
    """Dates of custom fields are kept as ISO text, and those order as their text does; a core field is an instant."""

    def ends(op: str) -> tuple[int | None, int | None]:
        limit = clause.days or 0
        match op:
            case "within_days":
                return today - limit + 1, today
            case "older_than":
                return None, today - limit
            case "future":
                return today + 1, None
        low, high = (None if end is None else int(end) for end in (clause.low, clause.high))
        return low, high

    key = _own(clause)
    if key is None:
        instant = F(_PATHS[clause.field])
        return _whole(instant), lambda op: _on_days(instant, *ends(op))
    text: Any = Collate(KeyTextTransform(key, "attributes"), "C")

    def match(op: str) -> Q:
        low, high = (None if end is None else date_of(end).isoformat() for end in ends(op))
        return _within(text, low, high)

    return Q(Regex(_or_blank(text), r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")), match


def _on_days(instant: F, low: int | None, high: int | None) -> Q:
    found = [] if low is None else [Q(GreaterThanOrEqual(instant, Value(_midnight(low), DateTimeField())))]
    if high is not None and high < _LAST_DAY:
        found.append(Q(LessThan(instant, Value(_midnight(high + 1), DateTimeField()))))
    return Q(*found)


_READ: dict[FieldType, Callable[[FieldClause, int], tuple[Q, _Match]]] = {
    FieldType.TEXT: _text,
    FieldType.CHOICE: _choice,
    FieldType.MULTI: _multi,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
}
