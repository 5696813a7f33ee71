"""Taking in what came: the one path for the API, imports and people's own entries.

Every item is kept raw, whatever becomes of it; nothing else of a refused one is stored. A call is one transaction with the
same number of statements for one item and for a thousand. Two calls at once with the same people double nobody: the loser of a
race starts again and finds them known.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID, uuid4
from zlib import crc32

from django.db import IntegrityError, OperationalError, transaction
from psycopg import errors

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict, Invalid
from leads.hooks import nudge_facts_changed
from leads.intake import activities, outcomes, store
from leads.intake.activities import Did
from leads.intake.companies import Changed, Companies, Company, wanted
from leads.intake.incoming import MOST_AT_ONCE, AboutLead, Incoming, IncomingOutcome, Problem, Taken, Who
from leads.intake.people import Person
from leads.intake.reading import (
    FieldLike,
    Reading,
    check_activity,
    check_label,
    check_outcome,
    is_storable,
    problem,
    read,
    shown,
    storable,
)  # fmt: skip
from leads.lib.folding import email_key, fold
from leads.models import LeadEvent, LeadField, Product, Submission, User
from leads.revisions import touch_revisions

ATTEMPTS = 10
PHONE_BUCKETS = 64
Result = TypeVar("Result")
# Channels whose history counts from when it happened, not from when we learnt of it.
TRUSTED_HISTORY = frozenset({"import"})


class Context:
    """Who takes what in, by which way and when."""

    __slots__ = ("act_id", "actor", "api_key_id", "at", "channel", "import_run_id")

    def __init__(
        self, actor: User | None, channel: str, at: datetime | None, import_run_id: int | None, api_key_id: int | None
    ) -> None:
        demand(actor, "leads.import_leads", "leads.change_lead", to="bring in leads")
        self.actor = actor
        self.channel = channel
        self.at = at or clock.now()
        self.import_run_id = import_run_id
        self.api_key_id = api_key_id
        self.act_id: UUID = uuid4()


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
    fields = _fields(items)
    readings = [read(item, fields, context.at) for item in items]
    assets = activities.assets_for(activity for item in items for activity in item.activities)
    for item, reading in zip(items, readings, strict=True):
        _check_identity(item, reading)
        for number, activity in enumerate(item.activities):
            if activity.asset and activity.asset not in assets:
                reading.refusals.append(problem("unknown_asset", f"activities[{number}].asset", activity.asset, "a known asset"))
    products = _products(readings)
    return again_when_overtaken(lambda: _take_in(items, readings, assets, products, context))


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
            reading.refusals.append(Problem("no_identity", "company.name", None, "Neither a name nor a domain of the company is given."))
    return again_when_overtaken(lambda: _take_in_companies(items, readings, context))


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
    did = [item.activity for item in items if item.activity is not None]
    assets = activities.assets_for(did)
    refusals: list[list[Problem]] = []
    for item in items:
        refused = list(item.problems)
        if item.activity is None:
            refused.append(Problem("no_activity", "activity", None, "Nothing is said to have happened."))
        else:
            check_activity(item.activity, context.at, "", refused)
            if item.activity.asset and item.activity.asset not in assets:
                refused.append(problem("unknown_asset", "asset", item.activity.asset, "a known asset"))
        check_label(item.source, "source", 80, refused)
        refusals.append(refused)
    return again_when_overtaken(lambda: _take_in_activities(items, refusals, assets, context))


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
    refusals: list[list[Problem]] = []
    for item in items:
        refused = list(item.problems)
        if item.outcome is None:
            refused.append(Problem("no_outcome", "outcome", None, "No outcome is given."))
        else:
            check_outcome(item.outcome, context.at, refused)
        check_label(item.source, "source", 80, refused)
        refusals.append(refused)
    return again_when_overtaken(lambda: _take_in_outcomes(items, refusals, context))


def _check_size(items: Sequence[object]) -> None:
    if len(items) > MOST_AT_ONCE:
        raise Invalid(
            f"{len(items):,} items at once; at most {MOST_AT_ONCE:,}.",
            code="too_many_items", field="items", value=len(items), expected=f"at most {MOST_AT_ONCE}",
        )


def again_when_overtaken(work: Callable[[], Result]) -> Result:
    """Do `work` in a transaction of its own, anew when another intake took in the same thing meanwhile."""
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return work()
        except Changed:
            continue
        except IntegrityError as error:
            if not isinstance(error.__cause__, errors.UniqueViolation):
                raise
        except OperationalError as error:
            if not isinstance(error.__cause__, errors.DeadlockDetected):
                raise
    raise Conflict("Others are writing the same leads at this moment. Send it again.", code="busy")


def _fields(items: Sequence[Incoming]) -> Mapping[str, FieldLike]:
    if any(key.startswith("custom.") for item in items for key in item.values):
        return {field.key: field for field in LeadField.objects.filter(active=True)}
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
            "no_identity", "lead.email", given or None,
            f"“{given}” tells nobody apart." if given else "Neither e-mail, phone nor the id of another system is given.",
        )
    )  # fmt: skip


class _People:
    """The persons of a batch by all their keys; stored ones are locked."""

    def __init__(self, items: Sequence[Incoming], readings: Sequence[Reading]) -> None:
        emails = {reading.email.key for reading in readings if reading.email.key}
        externals = sorted({pair for item in items for pair in item.external.items() if pair[1]})
        phones = {reading.phone.e164 for reading in readings if reading.phone.e164 and not reading.email.key}
        if phones:
            store.lock_phones(crc32(phone.encode()) % PHONE_BUCKETS for phone in phones)
        found = store.find_leads(sorted(emails), externals, sorted(phones))
        self.all = [Person(row, is_new=False) for row in store.lock_leads(pk for *_, pk in found)]
        by_id = {person.row["id"]: person for person in self.all}
        self.by_email = {person.row["email_key"]: person for person in self.all if person.row["email_key"]}
        self.by_phone: dict[tuple[str, str], Person] = {}
        for person in self.all:
            self._remember_phone(person)
        self.by_external = {(system, value): by_id[pk] for by, system, value, pk in found if by == "external" and pk in by_id}
        self.new_externals: list[tuple[str, str, Person]] = []

    @property
    def company_ids(self) -> set[int]:
        return {person.row["company_id"] for person in self.all} - {None}

    def of(self, item: Incoming, reading: Reading) -> tuple[Person | None, list[Problem]]:
        """The person an item is about, None when nobody has any of its keys."""
        person = self.by_email.get(reading.email.key) if reading.email.key else None
        pairs = [pair for pair in item.external.items() if pair[1]]
        if person is None:
            person = next((self.by_external[pair] for pair in pairs if pair in self.by_external), None)
        if person is None and not reading.email.key and reading.phone.e164:
            person = self.by_phone.get((reading.phone.e164, fold(str(reading.facts.get("lead.last_name", "")))))
        return person, [
            problem("external_id_taken", f"external.{pair[0]}", pair[1], "an id of this person: another has it")
            for pair in pairs
            if self.by_external.get(pair, person) is not person
        ]

    def learn(self, item: Incoming, person: Person, instead_of: str) -> None:
        """Remember the keys a person has got by now, and that an address given up tells nobody any more."""
        if instead_of != person.row["email_key"] and self.by_email.get(instead_of) is person:
            del self.by_email[instead_of]
        if person.row["email_key"]:
            self.by_email.setdefault(person.row["email_key"], person)
        self._remember_phone(person)
        for pair in item.external.items():
            if pair[1] and pair not in self.by_external:
                self.by_external[pair] = person
                self.new_externals.append((*pair, person))

    def _remember_phone(self, person: Person) -> None:
        if person.row["phone_e164"]:
            self.by_phone.setdefault((person.row["phone_e164"], fold(person.row["last_name"])), person)


@dataclass(slots=True)
class _Answer:
    """What an item came to, while the batch is worked on."""

    status: str
    person: Person | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def lead_id(self) -> int | None:
        return self.person.row["id"] if self.person else None


def _take_in(
    items: Sequence[Incoming],
    readings: Sequence[Reading],
    assets: dict[str, int],
    products: Mapping[str, int],
    context: Context,
) -> list[Taken]:
    good = [number for number, reading in enumerate(readings) if not reading.refusals]
    people = _People([items[number] for number in good], [readings[number] for number in good])
    companies = Companies((readings[number] for number in good), ids=people.company_ids)
    for person in people.all:
        if own := companies.by_id.get(person.row["company_id"]):
            person.company_name = own.name
    answers = [_Answer(Submission.Status.REFUSED.value, problems=list(reading.refusals)) for reading in readings]
    for number in good:
        answers[number] = _take_one(items[number], readings[number], people, companies, products, context)
    for person in people.all:
        person.settle(context.at)
    submission_ids, changed_companies = _write_leads(people, companies, len(items))
    with_activity = _write_activities(items, answers, assets, context)
    touched = {person.row["id"] for person in people.all if person.is_new or person.changes} | with_activity
    if changed_companies:
        touched |= set(store.leads_of_companies(changed_companies))
    touch_revisions(sorted(touched))
    write_events(people.all, context.actor, context.at, context.act_id)
    told = _tell(items, answers, context)
    _write_submissions(submission_ids, items, [(a.status, a.lead_id, a.problems) for a in answers], "lead", context)
    nudge_facts_changed(sorted(touched))
    return [
        Taken(
            answer.status,
            answer.lead_id,
            submission_id,
            tuple(answer.problems),
            case_id=told[answer.lead_id].case_id if item.outcome and answer.lead_id is not None else None,
            company_id=answer.person.row["company_id"] if answer.person else None,
        )
        for answer, submission_id, item in zip(answers, submission_ids, items, strict=True)
    ]


def _take_one(
    item: Incoming, reading: Reading, people: _People, companies: Companies, products: Mapping[str, int], context: Context
) -> _Answer:
    said_at = min(item.occurred_at, context.at).astimezone(UTC) if item.occurred_at else context.at
    person, notes = people.of(item, reading)
    status = "" if person else Submission.Status.CREATED.value
    if person is None:
        person = Person.new(said_at, context.at)
        people.all.append(person)
    edits, address = person.edits, person.row["email_key"]
    product = reading.facts.get("lead.product_interest")
    product_id = products.get(fold(str(product))) if product else None
    if product and product_id is None:
        notes.append(problem("unknown_product", "lead.product_interest", product, "a known product"))
    notes += person.take(
        reading, product_id=product_id, source=" ".join(item.source.split()), campaign_id=item.campaign_id, said_at=said_at
    )
    _take_company(person, reading, companies, said_at.isoformat(), context.at)
    people.learn(item, person, instead_of=address)
    changed = Submission.Status.UPDATED if person.edits > edits else Submission.Status.ATTACHED
    return _Answer(status or changed.value, person, [*reading.notes, *notes])


def _take_company(person: Person, reading: Reading, companies: Companies, said: str, at: datetime) -> None:
    """Let the person work for the company named, or for that of the address when they have none; facts fill its blanks."""
    domain, name = wanted(reading)
    own = person.company or companies.by_id.get(person.row["company_id"])
    named = bool(name or reading.company.get("company.domain"))
    if (domain or name) and (own is None or (named and person.may_change_company(said))):
        company = companies.take(domain, name, reading.company, at, overwrite=False)
        if company is not None and company is not own:
            person.belong_to(company, said)
    elif own is not None and reading.company:
        companies.say(own, "", "", reading.company, overwrite=False)


def _write_leads(people: _People, companies: Companies, received: int) -> tuple[list[int], list[int]]:
    """Store companies, leads and their ids; returns ids for the submissions and those of companies that changed."""
    new = sorted((person for person in people.all if person.is_new), key=lambda person: str(person.row["email_key"]))
    lead_ids, company_ids, submission_ids = store.reserve(len(new), companies.new_count, received)
    changed_companies = companies.write(company_ids)
    for person in people.all:
        if person.company is not None:
            person.row["company_id"] = person.company.row["id"]
    for person, pk in zip(new, lead_ids, strict=True):
        person.row["id"] = pk
    store.update_leads([person.row for person in people.all if not person.is_new and person.is_dirty])
    if new:
        store.copy("leads_lead", store.LEAD_COLUMNS, (person.stored() for person in new))
    if people.new_externals:
        pairs = sorted((system, value, person.row["id"]) for system, value, person in people.new_externals)
        store.copy("leads_externalid", store.EXTERNAL_COLUMNS, ((pk, system, value) for system, value, pk in pairs))
    return submission_ids, changed_companies


def _write_activities(
    items: Sequence[Incoming], answers: Sequence[_Answer], assets: dict[str, int], context: Context
) -> set[int]:
    """Store what the persons did; returns the ids of those who did something new."""
    did = [
        Did(number, answer.person.row["id"], activity, item.source, item.campaign_id)
        for number, (item, answer) in enumerate(zip(items, answers, strict=True))
        if answer.person is not None
        for activity in item.activities
    ]
    if not did:
        return set()
    new = activities.write(did, assets, at=context.at, known_when_occurred=context.channel in TRUSTED_HISTORY)
    return {one.lead_id for one in did if one.item in new}


def write_events(people: Sequence[Person], actor: User | None, at: datetime, act_id: UUID | None = None) -> None:
    """What happened to each person, as the history of the leads: came in, changed, moved on."""
    actor_id = actor.pk if actor else None
    act = act_id or uuid4()

    def rows() -> Iterator[tuple[object, ...]]:
        for person in people:
            row = person.row
            if person.is_new:
                came = store.as_json({"lead.stage": [None, row["stage"]]})
                yield row["id"], LeadEvent.Kind.CREATED.value, actor_id, at, act, came, row["stage_reason"]
            elif person.changes:
                yield row["id"], LeadEvent.Kind.UPDATED.value, actor_id, at, act, store.as_json(person.changes), ""
            if person.moved:
                moved = store.as_json({"lead.stage": [person.stage_was, row["stage"]]})
                yield row["id"], LeadEvent.Kind.STAGE.value, actor_id, at, act, moved, row["stage_reason"]

    events = list(rows())
    if events:
        store.copy("leads_leadevent", store.EVENT_COLUMNS, events)


def _write_submissions(
    ids: Sequence[int],
    items: Sequence[Incoming] | Sequence[AboutLead],
    answers: Sequence[tuple[str, int | None, Sequence[Problem]]],
    kind: str,
    context: Context,
) -> None:
    """Keep every item raw, with what became of it."""
    given: Sequence[Incoming | AboutLead] = items
    store.copy(
        "leads_submission",
        store.SUBMISSION_COLUMNS,
        (
            (
                pk, context.channel, kind, item.source[:80] if is_storable(item.source) else "", item.campaign_id, lead_id, context.at,
                storable(item.raw), status, storable([asdict(one) for one in problems]) if problems else "[]",
                context.import_run_id, item.line, context.api_key_id,
            )
            for pk, item, (status, lead_id, problems) in zip(ids, given, answers, strict=True)
        ),
    )  # fmt: skip


def _tell(items: Sequence[Incoming], answers: Sequence[_Answer], context: Context) -> dict[int, outcomes.Told]:
    """Record the outcomes that came with leads; of several for one person the last counts."""
    last: dict[int, IncomingOutcome] = {}
    for item, answer in zip(items, answers, strict=True):
        if answer.person is not None and item.outcome is not None:
            last[answer.person.row["id"]] = item.outcome
    created = frozenset(answer.person.row["id"] for answer in answers if answer.person is not None and answer.person.is_new)
    told = outcomes.tell(last, actor=context.actor, at=context.at, act_id=context.act_id, created=created)
    for item, answer in zip(items, answers, strict=True):
        if item.outcome is not None and answer.person is not None and (one := told.get(answer.person.row["id"])):
            answer.problems.extend(one.problems)
            if one.changed and answer.status == Submission.Status.ATTACHED:
                answer.status = Submission.Status.UPDATED.value
    return told


def _take_in_companies(items: Sequence[Incoming], readings: Sequence[Reading], context: Context) -> list[Taken]:
    companies = Companies(reading for reading in readings if not reading.refusals)
    answers: list[tuple[str, Company | None, list[Problem]]] = []
    for reading in readings:
        if reading.refusals:
            answers.append((Submission.Status.REFUSED.value, None, reading.refusals))
            continue
        domain, name = wanted(reading)
        known = companies.find(domain, name)
        edits = known.edits if known else 0
        company = companies.take(domain, name, reading.company, context.at, overwrite=True)
        status = Submission.Status.CREATED
        if known is not None:
            status = Submission.Status.UPDATED if known.edits > edits else Submission.Status.ATTACHED
        answers.append((status.value, company, reading.notes))
    _, company_ids, submission_ids = store.reserve(0, companies.new_count, len(items))
    changed = companies.write(company_ids)
    touched = store.leads_of_companies(changed) if changed else []
    touch_revisions(touched)
    _write_submissions(submission_ids, items, [(status, None, problems) for status, _, problems in answers], "company", context)
    nudge_facts_changed(touched)
    return [
        Taken(status, None, submission_id, tuple(problems), company_id=company.row["id"] if company else None)
        for (status, company, problems), submission_id in zip(answers, submission_ids, strict=True)
    ]


def _who(items: Sequence[AboutLead]) -> Callable[[Who], int | None]:
    """Finds the lead that is meant: by id, else e-mail, else another system's id."""
    emails = sorted({email_key(item.who.email) for item in items if item.who.email and is_storable(item.who.email)})
    externals = sorted({pair for item in items for pair in item.who.external.items() if pair[1] and is_storable("".join(pair))})
    ids = sorted({item.who.lead_id for item in items if item.who.lead_id is not None and 0 < item.who.lead_id < 2**63})
    found = {(by, key, second): pk for by, key, second, pk in store.find_leads(emails, externals, []) if by != "phone"}
    there = {pk for by, _, _, pk in store.find_leads([], [], [], ids) if by == "id"} if ids else set()

    def find(who: Who) -> int | None:
        if who.lead_id is not None:
            return who.lead_id if who.lead_id in there else None
        if who.email and (pk := found.get(("email", email_key(who.email), ""))):
            return pk
        return next((pk for pair in who.external.items() if (pk := found.get(("external", *pair)))), None)

    return find


def _find_all(items: Sequence[AboutLead], refusals: Sequence[list[Problem]]) -> tuple[list[int | None], list[list[Problem]]]:
    find = _who(items)
    ids: list[int | None] = []
    problems: list[list[Problem]] = []
    for item, refused in zip(items, refusals, strict=True):
        lead_id = find(item.who)
        if lead_id is None:
            given = item.who.lead_id or item.who.email or next(iter(item.who.external.values()), None)
            refused = [*refused, Problem("unknown_lead", "lead", shown(given), "There is no such lead.")]
        ids.append(None if refused else lead_id)
        problems.append(list(refused))
    return ids, problems


def _take_in_activities(
    items: Sequence[AboutLead], refusals: Sequence[list[Problem]], assets: dict[str, int], context: Context
) -> list[Taken]:
    lead_ids, problems = _find_all(items, refusals)
    did = [
        Did(number, lead_id, item.activity, item.source, item.campaign_id)
        for number, (item, lead_id) in enumerate(zip(items, lead_ids, strict=True))
        if lead_id is not None and item.activity is not None
    ]
    _, _, submission_ids = store.reserve(0, 0, len(items))
    new = activities.write(did, assets, at=context.at, known_when_occurred=context.channel in TRUSTED_HISTORY)
    touched = sorted({one.lead_id for one in did if one.item in new})
    touch_revisions(touched)
    statuses = [
        (Submission.Status.REFUSED if lead_id is None else Submission.Status.CREATED if number in new else Submission.Status.ATTACHED).value
        for number, lead_id in enumerate(lead_ids)
    ]
    _write_submissions(submission_ids, items, list(zip(statuses, lead_ids, problems, strict=True)), "activity", context)
    nudge_facts_changed(touched)
    return [
        Taken(status, lead_id, submission_id, tuple(found))
        for status, lead_id, submission_id, found in zip(statuses, lead_ids, submission_ids, problems, strict=True)
    ]


def _take_in_outcomes(items: Sequence[AboutLead], refusals: Sequence[list[Problem]], context: Context) -> list[Taken]:
    lead_ids, problems = _find_all(items, refusals)
    last: dict[int, IncomingOutcome] = {}
    deciding: dict[int, int] = {}
    for number, (item, lead_id) in enumerate(zip(items, lead_ids, strict=True)):
        if lead_id is not None and item.outcome is not None:
            last[lead_id], deciding[lead_id] = item.outcome, number
    told = outcomes.tell(last, actor=context.actor, at=context.at, act_id=context.act_id)
    statuses = []
    for number, lead_id in enumerate(lead_ids):
        one = told.get(lead_id) if lead_id is not None else None
        status = Submission.Status.REFUSED if one is None else Submission.Status.ATTACHED
        if one is not None and lead_id is not None:
            problems[number].extend(one.problems)
            if one.changed and deciding[lead_id] == number:
                status = Submission.Status.CREATED if one.is_new_case else Submission.Status.UPDATED
        statuses.append(status.value)
    _, _, submission_ids = store.reserve(0, 0, len(items))
    _write_submissions(submission_ids, items, list(zip(statuses, lead_ids, problems, strict=True)), "outcome", context)
    nudge_facts_changed(list(last))
    return [
        Taken(status, lead_id, submission_id, tuple(found), case_id=told[lead_id].case_id if lead_id in told else None)
        for status, lead_id, submission_id, found in zip(statuses, lead_ids, submission_ids, problems, strict=True)
    ]
