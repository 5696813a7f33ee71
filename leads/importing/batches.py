"""Rows of a file handed to the intake, batch by batch: the same for the check, the run and the second try of refused rows."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from leads.choices import FieldType
from leads.errors import Invalid
from leads.importing import targets
from leads.importing.campaigns import LONGEST, campaign_to_make, campaigns_named
from leads.importing.convert import Converted, Converter
from leads.importing.mapping import FileMapping, KnownField, NewField
from leads.importing.reader import Row
from leads.intake import batch
from leads.intake.incoming import MOST_AT_ONCE, AboutLead, Incoming, IncomingActivity, IncomingOutcome, Problem, Taken, Who
from leads.models import ImportRun, LeadField, User

SIZE = MOST_AT_ONCE
FIELD_EXISTS = "field_exists"


@dataclass(slots=True)
class Counts:
    """What became of rows; adds up."""

    created: int = 0
    updated: int = 0
    attached: int = 0
    refused: int = 0
    cases: int = 0
    undated: int = 0

    @property
    def received(self) -> int:
        return self.created + self.updated + self.attached + self.refused

    def add(self, answers: Sequence[Taken]) -> None:
        """Count answers; a case that several rows of a batch speak of is one."""
        for taken in answers:
            setattr(self, taken.status, getattr(self, taken.status) + 1)
        self.undated += sum(taken.undated for taken in answers)
        self.cases += len({taken.case_id for taken in answers if taken.is_new_case})


def zone_of(run: ImportRun) -> ZoneInfo:
    """Where the times of a file are that name no zone: where the command line said, else where the importing person is."""
    theirs = run.created_by.time_zone if run.created_by else settings.BUSINESS_ZONE
    return ZoneInfo(run.options.get("zone") or theirs)


# Where a column goes that the intake calls otherwise.
TARGETS_OF = {
    "kind": ("activity.kind",), "asset": ("activity.asset",), "source_id": ("activity.source_id",), "amount": ("outcome_amount",),
    "outcome_amount": ("outcome_amount",), "reason": ("outcome_reason",), "lead.first_name": ("lead.first_name", "lead.full_name"),
    "lead.last_name": ("lead.last_name", "lead.full_name"),
}  # fmt: skip


@dataclass(slots=True)
class Feeder:
    """Turns rows of one run into what the intake takes, and hands them over."""

    run: ImportRun
    mapping: FileMapping
    columns: Sequence[str]
    fields: Mapping[str, KnownField]
    actor: User | None
    at: dt.datetime
    converter: Converter = field(init=False)
    converted: list[Converted] = field(init=False, default_factory=list)  # the batch taken last
    _campaigns: dict[str, int] = field(init=False, default_factory=dict)
    _own_campaign: str = field(init=False)

    def __post_init__(self) -> None:
        self._own_campaign = campaign_to_make(self.run)
        self.converter = Converter(
            self.mapping, self.columns, self.fields, zone_of(self.run), self.run.dialect.get("delimiter", "")
        )

    def take(self, rows: Sequence[Row]) -> list[Taken]:
        """What became of each row, in order, in the transaction that is open. Refused rows are kept raw by the intake."""
        answers = self._take([self.converter(row) for row in rows])
        told = zip(self.converted, answers, strict=True)
        return [self._in_its_own_words(one, taken) if taken.problems else taken for one, taken in told]

    def _take(self, converted: list[Converted]) -> list[Taken]:
        self.converted = converted
        self._find_campaigns(converted)
        match self.run.kind:
            case targets.LEADS | targets.COMPANIES:
                items = [self._incoming(one) for one in converted]
                take = batch.take_in if self.run.kind == targets.LEADS else batch.take_in_companies
                return take(items, actor=self.actor, channel="import", at=self.at, import_run_id=self.run.pk)
            case targets.ACTIVITIES:
                about = [self._about(one) for one in converted]
                return batch.take_in_activities(about, actor=self.actor, channel="import", at=self.at, import_run_id=self.run.pk)
            case _:
                about = [self._about(one) for one in converted]
                return batch.take_in_outcomes(about, actor=self.actor, channel="import", at=self.at, import_run_id=self.run.pk)

    def _in_its_own_words(self, one: Converted, taken: Taken) -> Taken:
        """The problems named by the column and the cell as they stand in the file, not by what the portal calls and makes of them."""
        return replace(taken, problems=tuple(self._by_column(one, problem) for problem in taken.problems))

    def _by_column(self, one: Converted, problem: Problem) -> Problem:
        if problem in one.problems:  # the converter speaks of columns itself
            return problem
        at = next((at for target in TARGETS_OF.get(problem.field, (problem.field,)) if (at := self._place_of(target)) >= 0), -1)
        if at < 0 or at >= len(one.row.cells) or not (cell := one.row.cells[at].strip()):
            return problem
        name, shown = self.columns[at], cell if len(cell) <= 200 else cell[:200] + "…"
        label, _, rest = problem.message.partition(f"“{problem.value}”")
        if rest:
            message = f"“{shown}” in column “{name}”{rest}"
        else:
            label, _, rest = problem.message.partition(": ")
            message = f"Column “{name}”: {rest}" if rest else problem.message
        return Problem(problem.code, name, shown, message)

    def _place_of(self, target: str) -> int:
        if target.startswith("custom."):
            key = target.removeprefix("custom.")
            for at, goes in enumerate(self.mapping.goes):
                if goes.target == target or (goes.target == "new" and goes.new is not None and goes.new.key == key):
                    return at
            return -1
        return self.mapping.column_of(target) if target else -1

    def _incoming(self, one: Converted) -> Incoming:
        return Incoming(
            kind="company" if self.run.kind == targets.COMPANIES else "lead",
            values=one.values,
            external={self.mapping.system: one.external_id} if one.external_id else {},
            outcome=_outcome(one),
            source=(one.source or self.run.source)[:80],
            campaign_id=self._campaign_id(one),
            occurred_at=one.occurred_at,
            raw=self.converter.raw(one.row),
            line=one.row.line,
            problems=tuple(one.problems),
        )

    def _about(self, one: Converted) -> AboutLead:
        source = one.source or self.run.source
        activity = None
        if self.run.kind == targets.ACTIVITIES and one.kind and one.occurred_at is not None:
            activity = IncomingActivity(
                kind=one.kind,
                occurred_at=one.occurred_at,
                asset=one.asset,
                campaign_id=self._campaign_id(one),
                source=source or "import",
                source_id=one.source_id or self.source_id(one.row.line),
                properties=one.properties,
            )
        problems = one.problems
        if self.run.kind == targets.ACTIVITIES and not problems:
            problems = self._left_out(one)
        return AboutLead(
            who=Who(
                email=str(one.values.get("lead.email", "")),
                external={self.mapping.system: one.external_id} if one.external_id else {},
            ),
            activity=activity,
            outcome=_outcome(one) if self.run.kind == targets.OUTCOMES else None,
            source=source[:80],
            campaign_id=self._campaign_id(one),
            raw=self.converter.raw(one.row),
            line=one.row.line,
            problems=tuple(problems),
        )

    def _left_out(self, one: Converted) -> list[Problem]:
        """What a row of an activities file does not say; an invented time would move scores."""
        found = []
        if not one.kind:
            name = self._column_of("activity.kind", "Kind of activity")
            found.append(Problem("no_activity_kind", name, "", "The row does not say what the lead did."))
        if one.occurred_at is None:
            name = self._column_of("occurred_at", "When it happened")
            found.append(
                Problem("no_activity_time", name, "", f"The row does not say when it happened: column “{name}” is blank.")
            )
        return found

    def _column_of(self, target: str, otherwise: str) -> str:
        at = self.mapping.column_of(target)
        return self.columns[at] if at >= 0 else otherwise

    def source_id(self, line: int) -> str:
        """The id of an activity that came without one: the same file imported again is recognised row by row."""
        return f"{self.run.file_hash[:20]}:{line}"

    def _find_campaigns(self, converted: Sequence[Converted]) -> None:
        """Campaigns named in a column, made where there is none of that name yet."""
        names = {one.campaign[:LONGEST] for one in converted if one.campaign}
        if self._own_campaign:  # a check: the run itself has made it
            names.add(self._own_campaign)
        names -= self._campaigns.keys()
        if not names:
            return
        self._campaigns |= campaigns_named(self.run, names)

    def forget(self) -> None:
        """What was made for a batch that is taken back is no longer there."""
        self._campaigns.clear()

    def _campaign_id(self, one: Converted) -> int | None:
        name = one.campaign[:LONGEST] or self._own_campaign
        return self._campaigns[name] if name else self.run.campaign_id


def _outcome(one: Converted) -> IncomingOutcome | None:
    if not one.outcome:
        return None
    return IncomingOutcome(outcome=one.outcome, at=one.outcome_at, reason=one.outcome_reason, amount=one.outcome_amount)


def fields_for(mapping: FileMapping, choices: Mapping[str, Sequence[str] | None]) -> dict[str, KnownField]:
    """The custom fields a mapping speaks of by key: those there are, extended where asked, and those it makes.

    `choices` are the values a survey found, by column; where it gave up, a new field is made a text. A field another import
    made meanwhile is this one's as well, and its list is extended.
    """
    fields = {
        found.key: KnownField(found.key, found.label, found.type, tuple(found.choices)) for found in LeadField.objects.all()
    }
    for index, goes in enumerate(mapping.goes):
        found = choices.get(str(index), goes.new.choices if goes.new else ())
        new = goes.new if goes.target == "new" else None
        key = new.key if new else goes.target.removeprefix("custom.")
        if new and key not in fields:
            fields[key] = KnownField(key, new.label, _type_of(new, found), tuple(found or ()))
        elif (goes.extend or new) and found and key in fields and fields[key].type in (FieldType.CHOICE, FieldType.MULTI):
            there = {choice.casefold() for choice in fields[key].choices}
            added = tuple(choice for choice in found if choice.casefold() not in there)
            fields[key] = replace(fields[key], choices=fields[key].choices + added)
    return fields


def _type_of(new: NewField, found: Sequence[str] | None) -> str:
    return new.type if found is not None else FieldType.TEXT.value


def lock_new_fields(mapping: FileMapping, choices: Mapping[str, Sequence[str] | None]) -> None:
    """One import at a time makes fields, until the transaction ends. Invalid where another made one of another type meanwhile."""
    news = [(goes.new, choices.get(str(at), ())) for at, goes in enumerate(mapping.goes) if goes.target == "new" and goes.new]
    if not news:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(7202, 0)")
    there = dict(LeadField.objects.filter(key__in=[new.key for new, _ in news]).values_list("key", "type"))
    for new, found in news:
        if there.get(new.key, wanted := _type_of(new, found)) != wanted:
            is_type = FieldType(there[new.key]).label.lower()
            raise Invalid(
                f"Meanwhile there is a custom field {new.key} ({is_type}), and here it is to be made as "
                f"{FieldType(wanted).label.lower()}. Send the column there or name the new one otherwise.",
                code=FIELD_EXISTS, field=new.key, expected="another name",
            )  # fmt: skip


def make_fields(mapping: FileMapping, fields: Mapping[str, KnownField]) -> list[str]:
    """Create the custom fields a mapping makes and extend the lists it extends; the keys of those created."""
    wanted = [goes.new for goes in mapping.goes if goes.target == "new" and goes.new]
    extended = [goes.target.removeprefix("custom.") for goes in mapping.goes if goes.extend] + [new.key for new in wanted]
    for found in LeadField.objects.select_for_update(no_key=True).filter(key__in=extended).order_by("pk"):
        added = [choice for choice in fields[found.key].choices if choice not in found.choices]
        if added:
            found.choices = [*found.choices, *added]
            found.save(update_fields=("choices",))
    there = set(LeadField.objects.filter(key__in=[new.key for new in wanted]).values_list("key", flat=True))
    after = LeadField.objects.order_by("-position").values_list("position", flat=True).first() or 0
    made = LeadField.objects.bulk_create(
        [
            LeadField(
                key=new.key, label=new.label, type=fields[new.key].type,
                choices=list(fields[new.key].choices),
                known=new.known, personal=new.personal, position=after + place,
            )
            for place, new in enumerate(wanted, start=1)
            if new.key not in there
        ],
        ignore_conflicts=True,  # somebody made it in Setup this very moment
    )  # fmt: skip
    return [made_field.key for made_field in made]


def pieces(rows: Any, size: int = SIZE) -> list[Row]:
    """The next rows, at most `size`."""
    return list(islice(rows, size))
