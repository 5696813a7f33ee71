"""Leads on their way in: matched to those there are, understood, and written together with all that follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zlib import crc32

from leads.copying import copy
from leads.hooks import nudge_facts_changed
from leads.intake import activities, outcomes, store
from leads.intake.activities import Did
from leads.intake.companies import Companies, name_key, wanted
from leads.intake.incoming import Incoming, Problem, Taken
from leads.intake.people import Person
from leads.intake.reading import Reading, problem, shown
from leads.intake.record import Context, write_events, write_submissions
from leads.intake.words import Reasons
from leads.labels import label_of
from leads.lib.folding import fold
from leads.models import Submission
from leads.revisions import touch_revisions

PHONE_BUCKETS = 64


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


def take_in_leads(
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
    words = _Words(items, answers)
    for person, word in words.last.items():
        if person.is_new:
            person.end_by(outcomes.stage_told(word.outcome))
    submission_ids, changed_companies = _write_leads(people, companies, len(items), context.at)
    with_activity = _write_activities(items, answers, assets, context)
    touched = {person.row["id"] for person in people.all if person.is_new or person.changes} | with_activity
    if changed_companies:
        touched |= set(store.leads_of_companies(changed_companies))
    touch_revisions(sorted(touched))
    write_events(people.all, context.actor, context.at, context.act_id)
    told = _tell(items, answers, words, context)
    write_submissions(submission_ids, items, [(a.status, a.lead_id, a.problems) for a in answers], "lead", context)
    nudge_facts_changed(sorted(touched))
    return [
        Taken(
            answer.status,
            answer.lead_id,
            submission_id,
            tuple(answer.problems),
            case_id=told[answer.lead_id].case_id if item.outcome and answer.lead_id is not None else None,
            is_new_case=item.outcome is not None and answer.lead_id is not None and told[answer.lead_id].is_new_case,
            company_id=answer.person.row["company_id"] if answer.person else None,
            undated=item.outcome is not None and answer.lead_id is not None and told[answer.lead_id].undated,
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
    notes += _take_company(person, reading, companies, said_at.isoformat(), context.at)
    known_ids = len(people.new_externals)
    people.learn(item, person, instead_of=address)
    told_more = person.edits > edits or len(people.new_externals) > known_ids
    changed = Submission.Status.UPDATED if told_more else Submission.Status.ATTACHED
    return _Answer(status or changed.value, person, [*reading.notes, *notes])


def _take_company(person: Person, reading: Reading, companies: Companies, said: str, at: datetime) -> list[Problem]:
    """Let the person work for the company named, or for that of the address when they have none; facts fill its blanks.

    Answers a note when the company goes by another name than the one given: one domain is one company.
    """
    domain, name = wanted(reading)
    own = person.company or companies.by_id.get(person.row["company_id"])
    named = bool(name or reading.company.get("company.domain"))
    if (domain or name) and (own is None or (named and person.may_change_company(said))):
        company = companies.take(domain, name, reading.company, at, overwrite=False)
        if company is not None and company is not own:
            person.belong_to(company, said)
        if company is not None and name and name != company.name and name_key(name) != company.row["name_key"]:
            words = f"{label_of('company.name')}: “{shown(name)}” was not used, as {company.row['domain']} is known as “{company.name}”."
            return [Problem("other_company_name", "company.name", shown(name), words)]
    elif own is not None and reading.company:
        companies.say(own, "", "", reading.company, overwrite=False)
    return []


def _write_leads(people: _People, companies: Companies, received: int, at: datetime) -> tuple[list[int], list[int]]:
    """Store companies, leads and their ids; returns ids for the submissions and those of companies that changed."""
    new = sorted((person for person in people.all if person.is_new), key=lambda person: str(person.row["email_key"]))
    lead_ids, company_ids, submission_ids = store.reserve(len(new), companies.new_count, received)
    changed_companies = companies.write(company_ids, at)
    for person in people.all:
        if person.company is not None:
            person.row["company_id"] = person.company.row["id"]
    for person, pk in zip(new, lead_ids, strict=True):
        person.row["id"] = pk
    store.update_leads([person.row for person in people.all if not person.is_new and person.is_dirty])
    if new:
        copy("leads_lead", store.LEAD_COLUMNS, (person.stored() for person in new))
    if people.new_externals:
        pairs = sorted((system, value, person.row["id"]) for system, value, person in people.new_externals)
        copy("leads_externalid", store.EXTERNAL_COLUMNS, ((pk, system, value) for system, value, pk in pairs))
    return submission_ids, changed_companies


def _write_activities(
    items: Sequence[Incoming], answers: Sequence[_Answer], assets: dict[str, int], context: Context
) -> set[int]:
    """Store what the persons did; returns the ids of those who did something new."""
    did = [
        Did(number, answer.person.row["id"], activity, item.source, item.campaign_id, f"activities[{place}].")
        for number, (item, answer) in enumerate(zip(items, answers, strict=True))
        if answer.person is not None
        for place, activity in enumerate(item.activities)
    ]
    if not did:
        return set()
    written = activities.write(did, assets, context)
    for number, other in written.others.items():
        answers[number].problems.append(other)
    for number, note in written.notes:
        answers[number].problems.append(note)
    return {one.lead_id for one in did if one.item in written.new}


class _Words:
    """The outcomes that came with leads; of several for one person the newest counts."""

    def __init__(self, items: Sequence[Incoming], answers: Sequence[_Answer]) -> None:
        known = [
            (number, answer.person, item.outcome)
            for number, (item, answer) in enumerate(zip(items, answers, strict=True))
            if answer.person is not None and item.outcome is not None
        ]
        self.reasons = Reasons(outcome for _, _, outcome in known)
        self.last = self.reasons.last_words((person, outcome) for _, person, outcome in known)
        self.deciding = frozenset(known[word.number][0] for word in self.last.values())


def _tell(items: Sequence[Incoming], answers: Sequence[_Answer], words: _Words, context: Context) -> dict[int, outcomes.Told]:
    """Record the outcomes that came with leads."""
    last = {person.row["id"]: word.outcome for person, word in words.last.items()}
    created = frozenset(answer.person.row["id"] for answer in answers if answer.person is not None and answer.person.is_new)
    told = outcomes.tell(last, words.reasons, actor=context.actor, at=context.at, act_id=context.act_id, created=created)
    for number, (item, answer) in enumerate(zip(items, answers, strict=True)):
        if item.outcome is not None and answer.person is not None and (one := told.get(answer.person.row["id"])):
            answer.problems.extend(words.reasons.unknown(item.outcome))
            answer.problems.extend(one.notes if number in words.deciding else ())
            if one.changed and answer.status == Submission.Status.ATTACHED:
                answer.status = Submission.Status.UPDATED.value
    return told
