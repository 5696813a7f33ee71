"""Which column goes where: the guess from header names with the cells as second opinion, and what a person made of it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from leads.choices import FieldType, Known, Outcome
from leads.errors import Invalid
from leads.importing import columns, targets
from leads.importing.columns import Profile
from leads.importing.targets import ACTIVITIES, BY_KEY, COMPANIES, IGNORE, LEADS, NEW, OUTCOMES, plain
from leads.importing.values import decimal_sign

OPEN = "open"
OUTCOME_VALUES = (
    (Outcome.WON, "Won"),
    (Outcome.LOST, "Lost"),
    (Outcome.REJECTED, "Rejected by sales"),
    (OPEN, "Still open: no case"),
)
_OUTCOME_WORDS = {
    Outcome.WON: "won, win, closed won, converted, yes, true, 1, sale done, sold, success, closed deal, deal closed, "
    "customer, gewonnen, signed",
    Outcome.LOST: "lost, closed lost, not converted, no, false, 0, loss, lost deal, verloren, dead, unconverted, deal lost",
    Outcome.REJECTED: "rejected, disqualified, unqualified, bad lead, junk, junk lead, not interested, bad fit, declined, "
    "invalid, spam",
    OPEN: (
        "open, new, working, contacted, qualified, nurturing, in progress, lead, mql, sql, sal, opportunity, pending, "
        "interested, not reachable, "
        "attempted to contact, contact in future, prospect, did not connect, good lead follow up, hot follow up, "
        "subscriber, active, connected, "
        "in negotiation, negotiation, proposal, demo, evaluation, recycled, unconverted open"
    ),
}
OUTCOME_WORDS = {word.strip(): outcome for outcome, words in _OUTCOME_WORDS.items() for word in words.split(",")}
# Names of columns that are filled in by staff or by a score after the first contact: not known when a lead arrives.
_AFTER = re.compile(
    r"\b(tags?|lead quality|lead profile|last notable|quality|remarks?|comments?|notes?|details|disposition|status|stage|"
    r"lead score|scores?|rating|asymmetrique"
    r"|last contacted|closed?|lost|won|converted|follow up|owner|agent|sales rep|call result)\b"
)
_PERSONAL = re.compile(
    r"\b(linked ?in|address|street|birth|birthday|dob|skype|twitter|facebook|passport|gender|salary|social security|iban|"
    r"email|e mail|phone|mobile)\b"
)


@dataclass(frozen=True, slots=True)
class NewField:
    """A custom field to be made from a column."""

    key: str
    label: str
    type: str
    known: str = Known.INTAKE
    personal: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Goes:
    """Where one column goes and how its cells are read. `day_first` None: only dates that need no answer are understood."""

    target: str = IGNORE
    decimal: str = "."
    day_first: bool | None = None
    new: NewField | None = None
    extend: bool = False  # values that an existing list does not have become choices of it
    guess: str = ""  # name, content or "": why the guess was made
    question: str = ""  # an ambiguous date a person has to settle

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Goes":
        new = stored.get("new")
        return cls(**{**stored, "new": NewField(**{**new, "choices": tuple(new.get("choices", ()))}) if new else None})


@dataclass(frozen=True, slots=True)
class FileMapping:
    """A whole file's mapping: one `Goes` for each column, what each outcome value means, whose the ids are."""

    kind: str
    goes: tuple[Goes, ...]
    outcomes: Mapping[str, str] = field(default_factory=dict)
    system: str = "import"

    def as_json(self) -> dict[str, Any]:
        """As it comes back from the database: lists for tuples, words for choices."""
        stored: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return stored

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "FileMapping":
        return cls(
            kind=stored["kind"],
            goes=tuple(Goes.from_json(item) for item in stored["goes"]),
            outcomes=dict(stored.get("outcomes", {})),
            system=stored.get("system") or "import",
        )

    def column_of(self, target: str) -> int:
        """The column that goes to `target`, -1 when none does."""
        return next((index for index, goes in enumerate(self.goes) if goes.target == target), -1)


@dataclass(frozen=True, slots=True)
class KnownField:
    """A custom field there is already."""

    key: str
    label: str
    type: str
    choices: tuple[str, ...] = ()


def guess(kind: str, profiles: Sequence[Profile], fields: Sequence[KnownField] = ()) -> FileMapping:
    """The mapping a person would most likely choose: by header names first, then custom fields there are, then by content."""
    taken = _by_name(kind, profiles)
    goes = [Goes() for _ in profiles]
    for index, target in taken.items():
        goes[index] = _reading(profiles[index], target, "name")
    _by_content(kind, profiles, goes)
    by_label = {plain(known.label): known for known in fields} | {plain(known.key): known for known in fields}
    used = {item.target for item in goes}
    keys = {known.key for known in fields}
    for index, column in enumerate(profiles):
        if goes[index].target != IGNORE or not column.filled:
            continue
        known = by_label.get(plain(column.name))
        if kind == LEADS and known and f"custom.{known.key}" not in used:
            goes[index] = replace(
                _reading(column, f"custom.{known.key}", "name", known.type),
                extend=known.type in (FieldType.CHOICE, FieldType.MULTI),
            )
            used.add(f"custom.{known.key}")
        elif kind == LEADS and not _is_rest_of_name(column, used):
            goes[index] = proposed = propose_field(column, keys)
            if proposed.new:
                keys.add(proposed.new.key)
        elif kind == ACTIVITIES:
            goes[index] = Goes(target="property", guess="name")
    outcome = next((index for index, item in enumerate(goes) if item.target == "outcome"), -1)
    return FileMapping(
        kind=kind,
        goes=tuple(goes),
        outcomes=guess_outcomes(profiles[outcome].distinct) if outcome >= 0 else {},
        system=targets.find_system(column.name for column in profiles) or "import",
    )


def propose_field(column: Profile, taken: set[str], type_: str = "") -> Goes:
    """A new custom field made from a column, of the type its cells fit unless `type_` says otherwise."""
    found = columns.guess_type(column)
    choices = found.choices
    if type_ in (FieldType.CHOICE, FieldType.MULTI) and not choices:
        choices = tuple(sorted(column.distinct[: columns.MAX_CHOICES], key=str.casefold))
    name = plain(column.name)
    return Goes(
        target=NEW,
        decimal=found.decimal,
        day_first=found.day_first,
        question=found.ambiguous if (type_ or found.type) == FieldType.DATE else "",
        guess="name",
        new=NewField(
            key=free_key(column.name, taken),
            label=column.name[:80],
            type=type_ or found.type,
            known=Known.AFTER if _AFTER.search(name) else Known.INTAKE,
            personal=bool(_PERSONAL.search(name)) or bool(columns.looks_like(column)),
            choices=choices if (type_ or found.type) in (FieldType.CHOICE, FieldType.MULTI) else (),
        ),
    )


def free_key(label: str, taken: set[str]) -> str:
    """A key of the shape custom fields have, made from a label, that nobody has yet."""
    base = re.sub(r"[^a-z0-9]+", "_", plain(label)).strip("_")
    base = (base if base[:1].isalpha() else f"field_{base}".strip("_"))[:40].rstrip("_")
    key, again = base, 2
    while key in taken:
        tail = f"_{again}"
        key = base[: 40 - len(tail)] + tail
        again += 1
    return key


def guess_outcomes(found: Sequence[str]) -> dict[str, str]:
    """What each value of an outcome column most likely means; values nobody can know are left out."""
    return {value: str(OUTCOME_WORDS[plain(value)]) for value in found if plain(value) in OUTCOME_WORDS}


def check(mapping: FileMapping, names: Sequence[str], outcome_values: Sequence[str] = ()) -> None:
    """Refuse a mapping that cannot work, naming the column and what is asked."""
    seen: dict[str, int] = {}
    for index, goes in enumerate(mapping.goes):
        if goes.target in (IGNORE, NEW, "property"):
            pass
        elif goes.target in seen:
            raise Invalid(
                f"\u201c{names[seen[goes.target]]}\u201d and \u201c{names[index]}\u201d both go to "
                f"{label_of(goes.target)}. Choose one.",
                code="target_twice",
                field=names[index],
                value=goes.target,
                expected="each target once",
            )
        else:
            seen[goes.target] = index
        if goes.question and goes.day_first is None and _reads_dates(goes):
            raise Invalid(
                f"Column \u201c{names[index]}\u201d: is {goes.question} day/month/year or month/day/year? The file does "
                f"not tell.",
                code="ambiguous_date",
                field=names[index],
                value=goes.question,
                expected="dmy or mdy",
            )
    who = {"lead.email", "external_id"} & seen.keys()
    match mapping.kind:
        case targets.LEADS if not who and "lead.phone" not in seen:
            raise Invalid(
                "No column says who a lead is. Choose the one with the e-mail address, the phone number or the id of "
                "another system.",
                code="no_identity",
                field="lead.email",
                expected="a column for E-mail, Phone or Id",
            )
        case targets.COMPANIES if not {"company.name", "company.domain"} & seen.keys():
            raise Invalid(
                "No column holds the company's name or domain.",
                code="no_identity",
                field="company.name",
                expected="a column for it",
            )
        case targets.ACTIVITIES | targets.OUTCOMES if not who:
            raise Invalid(
                "No column says whose it is. Choose the one with the lead's e-mail address or id.",
                code="no_identity",
                field="lead.email",
                expected="a column for E-mail or Id",
            )
        case targets.ACTIVITIES if "activity.kind" not in seen:
            raise Invalid(
                "No column says what the lead did.",
                code="no_activity_kind",
                field="activity.kind",
                expected="a column for Kind of activity",
            )
        case targets.ACTIVITIES if "occurred_at" not in seen:
            raise Invalid(
                "No column says when it happened. Choose the one with the date or time of the activity.",
                code="no_activity_time",
                field="occurred_at",
                expected="a column for When it happened",
            )
        case targets.OUTCOMES if "outcome" not in seen:
            raise Invalid("No column holds the outcome.", code="no_outcome", field="outcome", expected="a column for Outcome")
    meant = {value.casefold() for value in mapping.outcomes}
    if "outcome" in seen and outcome_values and not any(value.casefold() in meant for value in outcome_values):
        raise Invalid(
            f"Column \u201c{names[seen['outcome']]}\u201d: say what its values mean, such as \u201c{outcome_values[0]}\u201d.",
            code="outcome_not_mapped",
            field=names[seen["outcome"]],
            value=outcome_values[0],
            expected="won, lost, rejected or open",
        )


def label_of(target: str) -> str:
    """A target's name for people."""
    return BY_KEY[target].label if target in BY_KEY else target.removeprefix("custom.").replace("_", " ").capitalize()


def _reads_dates(goes: Goes) -> bool:
    if goes.new:
        return goes.target == NEW and goes.new.type == FieldType.DATE
    return goes.target.startswith("custom.") or (goes.target in BY_KEY and BY_KEY[goes.target].reads == "moment")


def _by_name(kind: str, profiles: Sequence[Profile]) -> dict[int, str]:
    wanted: list[tuple[int, int, int, str]] = []  # (how far from an exact name, place among the names, column, target)
    for index, column in enumerate(profiles):
        for far, name in enumerate(_spellings(plain(column.name))):
            for target in targets.of_kind(kind):
                names = _names_for(kind, target)
                if name in names and _content_allows(kind, target, column):
                    wanted.append((far, names.index(name), index, target.key))
    taken: dict[int, str] = {}
    outcome = _best_outcome(profiles, [index for _, _, index, key in wanted if key == "outcome"])
    for _, _, index, key in sorted(wanted):
        if index in taken or key in taken.values() or (key == "outcome" and index != outcome):
            continue
        taken[index] = key
    if {"lead.first_name", "lead.last_name"} <= set(taken.values()):
        taken = {index: key for index, key in taken.items() if key != "lead.full_name"}
    return taken


_WHEN = targets.names_in("""
    when, date time, date and time, datetime, time, date, timestamp, time stamp, moment, happened at, happened on, happened,
    occurred on, occurred, zeitpunkt, wann, datum, zeit, fecha
    """)
_DECIDED = targets.names_in("""
    decided at, decided on, decided, decision date, date decided, closed time, closing date, date closed, closed, won on,
    won at, lost on, lost at, outcome on, outcome time, ended, end date
    """)


def _names_for(kind: str, target: targets.Target) -> tuple[str, ...]:
    if kind == ACTIVITIES and target.key == "occurred_at":
        return (*target.names, *_WHEN)
    if kind == OUTCOMES and target.key == "outcome_at":
        return (*target.names, *_DECIDED, *_WHEN)
    if kind == COMPANIES and target.key == "company.name":
        return (*target.names, "name", "title")
    if kind == COMPANIES and target.key == "company.country":
        return (*target.names, *BY_KEY["lead.country"].names)
    return target.names


_ASKED = re.compile(
    r"^(?:(?:what is|what s|please|enter|provide|your|the|contact|lead|person|deal|customer|client|prospect|user|primary|"
    r"organization) )+"
)


def _spellings(name: str) -> list[str]:
    """The name, and without the words that questions and exports put around it."""
    bare = _ASKED.sub("", name)
    return [name, bare] if bare and bare != name else [name]


def _content_allows(kind: str, target: targets.Target, column: Profile) -> bool:
    if not column.filled:
        return True
    match target.reads:
        case "email":
            return column.share(columns.ADDRESS) >= 0.3 or any("@" in text for text in column.counts)
        case "number":
            return columns.guess_type(column).type in (FieldType.NUMBER, FieldType.BOOLEAN) or _mostly_numbers(column)
        case "boolean" | "not_boolean":
            return columns.guess_type(column).type == FieldType.BOOLEAN
        case "moment":
            return columns.fits_dates(column) >= 0.5
        case "outcome":
            return kind == OUTCOMES or _says_won(column)
        case _ if target.key == "external_id":
            return kind != LEADS or column.is_unique
        case _ if target.key in ("lead.full_name", "company.name", "lead.job_title"):
            return columns.looks_like(column) != "email" and columns.guess_type(column).type not in (
                FieldType.NUMBER,
                FieldType.DATE,
                FieldType.BOOLEAN,
            )
        case _:
            return True


def _mostly_numbers(column: Profile) -> bool:
    return columns.fits_numbers(column) >= 0.5


def _says_won(column: Profile) -> bool:
    """Whether a status column tells outcomes: few values, most of them understood, one of them a win."""
    known = guess_outcomes(column.distinct)
    seen = sum(column.counts.values())
    understood = sum(column.counts[value] for value in known)
    return not column.overflow and len(column.counts) <= 30 and Outcome.WON in known.values() and understood * 2 >= seen


def _best_outcome(profiles: Sequence[Profile], candidates: Sequence[int]) -> int:
    def merit(index: int) -> tuple[bool, bool, float]:
        known = guess_outcomes(profiles[index].distinct)
        seen = sum(profiles[index].counts.values()) or 1
        both = Outcome.WON in known.values() and len(set(known.values())) > 1
        # "Closed Won" is surer than "Converted", which some systems say of every opportunity.
        says_so = any("won" in plain(value).split() for value in known)
        return both, says_so, sum(profiles[index].counts[value] for value in known) / seen

    return max(candidates, key=merit, default=-1)


def _by_content(kind: str, profiles: Sequence[Profile], goes: list[Goes]) -> None:
    """Find the address and the phone column of a file whose header nobody knows."""
    if kind == COMPANIES:
        return
    for looks, target in (("email", "lead.email"), ("phone", "lead.phone")):
        if any(item.target == target for item in goes) or (target == "lead.phone" and kind != LEADS):
            continue
        fitting = [
            index for index, column in enumerate(profiles) if goes[index].target == IGNORE and columns.looks_like(column) == looks
        ]
        if fitting:
            best = max(fitting, key=lambda index: profiles[index].filled)
            goes[best] = _reading(profiles[best], target, "content")


def _reading(column: Profile, target: str, why: str, type_: str = "") -> Goes:
    by_type: dict[str, str] = {FieldType.DATE: "moment", FieldType.NUMBER: "number"}
    reads = BY_KEY[target].reads if target in BY_KEY else by_type.get(type_, "")
    goes = Goes(target=target, guess=why)
    if reads == "moment":
        day_first, example = columns.date_order(column.distinct)
        return replace(goes, day_first=day_first, question=example)
    if reads == "number":
        return replace(goes, decimal=decimal_sign(column.distinct))
    return goes


def retarget(column: Profile, target: str, type_: str = "") -> Goes:
    """The column sent to another target by a person, read as its cells ask."""
    return _reading(column, target, "", type_)


def _is_rest_of_name(column: Profile, used: set[str]) -> bool:
    return plain(column.name) in BY_KEY["lead.full_name"].names and {"lead.first_name", "lead.last_name"} <= used
