"""Understanding what came in: values by registry key, cleaned and typed, or the reason why not. Touches no database."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Protocol

from leads import normalise
from leads.choices import Consent, Department, FieldType, Outcome, Seniority
from leads.intake.incoming import Incoming, IncomingActivity, IncomingOutcome, Problem
from leads.labels import label_of
from leads.lib.folding import fold
from leads.normalise import NO_EMAIL, NO_PHONE, Email, Misfit, Phone

LONGEST_TEXT = 2_000
MOST_VALUES = 100
# Clocks of other systems differ a little; what is further ahead is a mistake.
SKEW = timedelta(minutes=5)
EARLIEST_YEAR = 1970
_KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")
# What jsonb cannot hold: the NUL character and halves of surrogate pairs.
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_UNSTORABLE_JSON = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)

Reader = Callable[[object], object]


class FieldLike(Protocol):
    """What is asked of a custom field's definition."""

    key: str
    label: str
    type: str
    choices: list[str]


@dataclass(frozen=True, slots=True)
class OwnReader:
    """How the values of a custom field are read, and what people call it."""

    label: str
    read: Reader


@dataclass(slots=True)
class Reading:
    """An item understood. `facts` and `company` hold what it says, by registry key; `notes` what could not be used."""

    facts: dict[str, object] = field(default_factory=dict)
    company: dict[str, object] = field(default_factory=dict)
    email: Email = NO_EMAIL
    phone: Phone = NO_PHONE
    refusals: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)


def shown(value: object) -> object:
    """A value as it may be told back: short, and of a kind that JSON can hold."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    text = _UNSTORABLE.sub("\ufffd", value if isinstance(value, str) else str(value))
    return text if len(text) <= 120 else text[:117] + "..."


def problem(code: str, key: str, value: object, expected: str, label: str = "") -> Problem:
    """A problem in words: what was found and what was expected, of a field by its label."""
    found, name = shown(value), label or label_of(key)
    words = f"{name}: “{found}” is not {expected}." if code != "too_long" else f"{name}: longer than {expected}."
    return Problem(code, key, found, words)


def storable(raw: object) -> str:
    """`raw` as JSON text that the database takes, whatever it holds."""
    try:
        text = json.dumps(raw, default=str, separators=(",", ":"), allow_nan=False)
    except ValueError:  # not a number, or endless
        text = ""
    if not text or _UNSTORABLE_JSON.search(text):
        text = json.dumps(_cleaned(raw), default=str, separators=(",", ":"), allow_nan=False)
    return text


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {_UNSTORABLE.sub("\ufffd", str(key)): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value


def is_storable(text: str) -> bool:
    """Whether the database can hold the text."""
    return text.isascii() and "\x00" not in text or not _UNSTORABLE.search(text)


def line(value: object, longest: int) -> str:
    """One line of text: trimmed, white space collapsed, nothing in it that cannot be shown."""
    if not isinstance(value, str):
        raise Misfit("not_text", "text")
    text = value
    if not text.isprintable():
        if _UNSTORABLE.search(text):
            raise Misfit("bad_character", "text without NUL characters and broken letters")
        text = "".join(char for char in " ".join(text.split()) if char.isprintable() or char in "\u200c\u200d")
    text = text.strip()
    if len(text) > longest:
        raise Misfit("too_long", f"{longest} characters")
    return text


def _line_of(longest: int) -> Callable[[object], object]:
    return lambda value: line(value, longest)


def _choice_of(values: list[str], expected: str) -> Callable[[object], object]:
    known = {fold(value): value for value in values}

    def read(value: object) -> object:
        found = known.get(fold(line(value, 200)))
        if found is None:
            raise Misfit("unknown_choice", expected)
        return found

    return read


def _employees(value: object) -> object:
    found = normalise.number(value)
    if found != found.to_integral_value() or not 0 <= found < 2**31:
        raise Misfit("not_count", "a whole number of people")
    return int(found)


def _revenue(value: object) -> object:
    found = normalise.number(value)
    if found < 0:
        raise Misfit("not_positive", "a positive amount")
    return found.quantize(Decimal(1))


def _consent(value: object) -> object:
    if isinstance(value, str) and value.strip().casefold() in Consent.values:
        return value.strip().casefold()
    try:
        return Consent.GIVEN.value if normalise.boolean(value) else Consent.REFUSED.value
    except Misfit as misfit:
        raise Misfit("unknown_choice", "given, refused or unknown") from misfit


def _opt_out(value: object) -> object:
    return Consent.REFUSED.value if normalise.boolean(value) else None


class Unclear(ValueError):
    """A value that is left out, without refusing the item."""

    def __init__(self, code: str, expected: str) -> None:
        super().__init__(expected)
        self.code, self.expected = code, expected


def _country(value: object) -> object:
    text = line(value, 120)
    found = normalise.country(text) if text else ""
    if found is None:
        raise Unclear("unknown_country", "a country, such as DE or Germany")
    return found


def _language(value: object) -> object:
    text = line(value, 60)
    found = normalise.language(text) if text else ""
    if found is None:
        raise Unclear("unknown_language", "a language, such as de or German")
    return found


def _domain(value: object) -> object:
    text = line(value, 2_000)
    found = normalise.domain(text) if text else ""
    if text and not found:
        raise Unclear("bad_domain", "a domain or address of a website")
    return found


LEAD_READERS: dict[str, Callable[[object], object]] = {
    "lead.first_name": _line_of(120),
    "lead.last_name": _line_of(120),
    "lead.job_title": _line_of(200),
    "lead.seniority": _choice_of(list(Seniority.values), f"one of {', '.join(Seniority.values)}"),
    "lead.department": _choice_of(list(Department.values), f"one of {', '.join(Department.values)}"),
    "lead.country": _country,
    "lead.language": _language,
    "lead.product_interest": _line_of(80),
    "lead.consent": _consent,
    "lead.opt_out": _opt_out,
}
COMPANY_READERS: dict[str, Callable[[object], object]] = {
    "company.name": _line_of(200),
    "company.domain": _domain,
    "company.industry": _line_of(120),
    "company.employees": _employees,
    "company.revenue": _revenue,
    "company.country": _country,
    "company.is_customer": normalise.boolean,
    "company.is_competitor": normalise.boolean,
}
OTHER_KEYS = frozenset({"lead.email", "lead.phone"})


def readers_of(fields: Iterable[FieldLike]) -> dict[str, OwnReader]:
    """How the values of custom fields are read, by registry key: each gives JSON of the field's type, or Misfit."""
    return {f"custom.{field.key}": OwnReader(field.label, _reader_of(field)) for field in fields}


def _reader_of(field: FieldLike) -> Reader:
    match field.type:
        case FieldType.TEXT:
            return _line_of(LONGEST_TEXT)
        case FieldType.NUMBER:
            return _plain_number
        case FieldType.BOOLEAN:
            return normalise.boolean
        case FieldType.DATE:
            return lambda value: normalise.date_only(value).isoformat()
        case FieldType.CHOICE:
            return _choice_reader(field.choices)
        case _:
            return _multi_reader(_choice_reader(field.choices))


def _plain_number(value: object) -> object:
    found = normalise.number(value)
    return int(found) if found == found.to_integral_value() else float(found)


def _choice_reader(choices: Sequence[str]) -> Callable[[object], str]:
    """The choice by its exact spelling, else by its folded one, the first that is spelt so."""
    exact = {choice: choice for choice in choices}
    folded = {fold(choice): choice for choice in reversed(choices)}

    def read_choice(value: object) -> str:
        if not isinstance(value, str):
            raise Misfit("not_text", "text")
        found = exact.get(value) or folded.get(fold(line(value, 200)))
        if found is None:
            raise Misfit("unknown_choice", "one of the field’s choices")
        return found

    return read_choice


def _multi_reader(one: Callable[[object], str]) -> Reader:
    def read_list(value: object) -> object:
        if not isinstance(value, list | tuple):
            raise Misfit("not_list", "a list")
        return list(dict.fromkeys(one(part) for part in value if part != ""))

    return read_list


def read(item: Incoming, own: Mapping[str, OwnReader], at: datetime) -> Reading:
    """The item understood as far as its words go; `own` are the readers of custom fields.

    Who it is and whether that is known is asked later.
    """
    reading = Reading(refusals=list(item.problems), notes=list(item.notes))
    if len(item.values) > MOST_VALUES + len(own):
        reading.refusals.append(problem("too_many_values", "values", len(item.values), f"at most {MOST_VALUES} values"))
        return reading
    for key, value in item.values.items():
        if value is None or value == "" or key in OTHER_KEYS:
            continue
        of_own = own.get(key)
        reader = of_own.read if of_own else LEAD_READERS.get(key) or COMPANY_READERS.get(key)
        label = of_own.label if of_own else ""
        if reader is None:
            name = str(shown(key))
            reading.refusals.append(Problem("unknown_field", name, None, f"There is no field {name}."))
            continue
        try:
            found = reader(value)
        except Unclear as unclear:
            reading.notes.append(problem(unclear.code, key, value, unclear.expected, label))
            continue
        except Misfit as misfit:
            reading.refusals.append(problem(misfit.code, key, value, misfit.expected, label))
            continue
        if found is None or found == "":
            continue
        if key in COMPANY_READERS:
            reading.company[key] = found
        else:
            reading.facts["lead.consent" if key == "lead.opt_out" else key] = found
    _read_contact(item, reading)
    if item.occurred_at is not None:
        _check_time(item.occurred_at, at, "occurred_at", reading.refusals)
    for number, activity in enumerate(item.activities):
        check_activity(activity, at, f"activities[{number}].", reading.refusals)
    if item.outcome is not None:
        check_outcome(item.outcome, at, reading.refusals)
    check_external(item.external, reading.refusals)
    check_label(item.source, "source", 80, reading.refusals)
    return reading


def _read_contact(item: Incoming, reading: Reading) -> None:
    for key, longest in (("lead.email", 320), ("lead.phone", 60)):
        value = item.values.get(key)
        if value is None or value == "":
            continue
        try:
            text = line(value, longest)
        except Misfit as misfit:
            reading.refusals.append(problem(misfit.code, key, value, misfit.expected))
            continue
        if key == "lead.email":
            reading.email = normalise.email(text)
            if reading.email.problem == "bad":
                reading.notes.append(problem("bad_email", key, text, "an e-mail address that can exist"))
            elif reading.email.problem == "disposable":
                reading.notes.append(problem("disposable_email", key, text, "an address people keep"))
        else:
            place = reading.facts.get("lead.country") or reading.company.get("company.country") or ""
            reading.phone = normalise.phone(text, str(place))


def _check_time(moment: datetime, at: datetime, key: str, refusals: list[Problem]) -> None:
    if moment.tzinfo is None:
        refusals.append(problem("no_time_zone", key, moment.isoformat(), "a time with its zone"))
    elif moment > at + SKEW:
        refusals.append(problem("in_future", key, moment.isoformat(), "a time up to now"))
    elif moment.year < EARLIEST_YEAR:
        refusals.append(problem("too_early", key, moment.isoformat(), f"a time since {EARLIEST_YEAR}"))


def check_label(text: str, key: str, longest: int, refusals: list[Problem]) -> None:
    """Refuse a label that is no text or too long for its place."""
    if text == "":
        return
    try:
        line(text, longest)
    except Misfit as misfit:
        refusals.append(problem(misfit.code, key, text, misfit.expected))
    else:
        if len(text) > longest:  # it is kept as it came, blanks around it included
            refusals.append(problem("too_long", key, text, f"{longest} characters"))


def plain_ids(external: Mapping[str, str], refusals: list[Problem]) -> Mapping[str, str]:
    """Ids of other systems as they are compared: trimmed, the system in any case; two of one system are refused."""
    plain: dict[str, str] = {}
    for system, value in external.items():
        key, told = plain_system(system), value.strip()
        before = plain.get(key)
        if before and told and before != told:
            words = f"Two ids of “{shown(key)}” are given: “{shown(before)}” and “{shown(told)}”."
            refusals.append(Problem("external_id_twice", f"external.{shown(system)}", shown(value), words))
        plain[key] = before or told
    return plain


def plain_system(name: str) -> str:
    """The name of another system as it is compared."""
    return name.strip().casefold()


def check_external(external: Mapping[str, str], refusals: list[Problem]) -> None:
    """Refuse ids of other systems that cannot be kept."""
    for system, value in external.items():
        check_label(system, "external", 40, refusals)
        check_label(value, f"external.{shown(system)}", 200, refusals)


def check_activity(activity: IncomingActivity, at: datetime, prefix: str, refusals: list[Problem]) -> None:
    """Refuse what cannot be an activity."""
    if not _KIND.fullmatch(activity.kind):
        refusals.append(
            problem("bad_kind", f"{prefix}kind", activity.kind, "a kind in small letters, digits and _, such as demo_request")
        )
    _check_time(activity.occurred_at, at, f"{prefix}occurred_at", refusals)
    check_label(activity.source, f"{prefix}source", 80, refusals)
    check_label(activity.source_id, f"{prefix}source_id", 200, refusals)
    check_label(activity.asset, f"{prefix}asset", 60, refusals)


def check_outcome(outcome: IncomingOutcome, at: datetime, refusals: list[Problem]) -> None:
    """Refuse what cannot be an outcome."""
    if outcome.outcome not in Outcome.values:
        refusals.append(problem("unknown_outcome", "outcome", outcome.outcome, f"one of {', '.join(Outcome.values)}"))
    if outcome.at is not None:
        _check_time(outcome.at, at, "outcome_at", refusals)
    check_label(outcome.reason, "outcome_reason", 200, refusals)
    if outcome.amount is not None:
        try:
            normalise.amount(outcome.amount)
        except Misfit as misfit:
            refusals.append(problem(misfit.code, "amount", str(outcome.amount), misfit.expected))
