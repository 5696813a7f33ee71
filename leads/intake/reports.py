"""What is told of things that are known: companies, what leads did, what became of them."""

from collections.abc import Callable, Sequence

from leads.hooks import nudge_facts_changed
from leads.intake import activities, outcomes, store
from leads.intake.activities import Did
from leads.intake.companies import Companies, Company, wanted
from leads.intake.incoming import AboutLead, Incoming, IncomingOutcome, Problem, Taken, Who
from leads.intake.reading import Reading, is_storable, shown
from leads.intake.record import Context, write_submissions
from leads.intake.words import Reasons
from leads.lib.folding import email_key
from leads.models import Submission
from leads.revisions import touch_revisions


def tell_of_companies(items: Sequence[Incoming], readings: Sequence[Reading], context: Context) -> list[Taken]:
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
    changed = companies.write(company_ids, context.at)
    touched = store.leads_of_companies(changed) if changed else []
    touch_revisions(touched)
    write_submissions(submission_ids, items, [(status, None, problems) for status, _, problems in answers], "company", context)
    nudge_facts_changed(touched)
    return [
        Taken(status, None, submission_id, tuple(problems), company_id=company.row["id"] if company else None)
        for (status, company, problems), submission_id in zip(answers, submission_ids, strict=True)
    ]


def _who(items: Sequence[AboutLead]) -> Callable[[Who], list[int]]:
    """Finds the lead that is meant: by id, else e-mail, else another system's id; more than one when the keys disagree."""
    emails = sorted({email_key(item.who.email) for item in items if item.who.email and is_storable(item.who.email)})
    externals = sorted({pair for item in items for pair in item.who.external.items() if pair[1] and is_storable("".join(pair))})
    ids = sorted({item.who.lead_id for item in items if item.who.lead_id is not None and 0 < item.who.lead_id < 2**63})
    found = {(by, key, second): pk for by, key, second, pk in store.find_leads(emails, externals, []) if by != "phone"}
    there = {pk for by, _, _, pk in store.find_leads([], [], [], ids) if by == "id"} if ids else set()

    def find(who: Who) -> list[int]:
        keys = [("email", email_key(who.email), "")] if who.email else []
        keys += [("external", *pair) for pair in who.external.items()]
        meant = [pk for key in keys if (pk := found.get(key))]
        if who.lead_id is not None:
            meant = [who.lead_id, *meant] if who.lead_id in there else []
        return list(dict.fromkeys(meant))

    return find


NOBODY = Who()  # an item that could not be read names nobody


def _find_all(items: Sequence[AboutLead], refusals: Sequence[list[Problem]]) -> tuple[list[int | None], list[list[Problem]]]:
    find = _who(items)
    ids: list[int | None] = []
    problems: list[list[Problem]] = []
    for item, refused in zip(items, refusals, strict=True):
        meant = find(item.who)
        given = shown(item.who.lead_id or item.who.email or next(iter(item.who.external.values()), None))
        if not meant and not (refused and item.who == NOBODY):
            refused = [*refused, Problem("unknown_lead", "lead", given, "There is no such lead.")]
        elif len(meant) > 1:
            words = f"The keys given are of different leads: {', '.join(map(str, meant))}."
            refused = [*refused, Problem("different_leads", "lead", given, words)]
        ids.append(None if refused else meant[0])
        problems.append(list(refused))
    return ids, problems


def tell_of_activities(
    items: Sequence[AboutLead], refusals: Sequence[list[Problem]], assets: dict[str, int], context: Context
) -> list[Taken]:
    lead_ids, problems = _find_all(items, refusals)
    did = [
        Did(number, lead_id, item.activity, item.source, item.campaign_id)
        for number, (item, lead_id) in enumerate(zip(items, lead_ids, strict=True))
        if lead_id is not None and item.activity is not None
    ]
    _, _, submission_ids = store.reserve(0, 0, len(items))
    written = activities.write(did, assets, context)
    for number, other in written.others.items():
        lead_ids[number] = None
        problems[number].append(other)
    for number, note in written.notes:
        problems[number].append(note)
    touched = sorted({one.lead_id for one in did if one.item in written.new})
    touch_revisions(touched)
    statuses = [
        (
            Submission.Status.REFUSED
            if lead_id is None
            else Submission.Status.CREATED
            if number in written.new
            else Submission.Status.ATTACHED
        ).value
        for number, lead_id in enumerate(lead_ids)
    ]
    write_submissions(submission_ids, items, list(zip(statuses, lead_ids, problems, strict=True)), "activity", context)
    nudge_facts_changed(touched)
    return [
        Taken(status, lead_id, submission_id, tuple(found))
        for status, lead_id, submission_id, found in zip(statuses, lead_ids, submission_ids, problems, strict=True)
    ]


def tell_of_outcomes(items: Sequence[AboutLead], refusals: Sequence[list[Problem]], context: Context) -> list[Taken]:
    lead_ids, problems = _find_all(items, refusals)
    known: list[tuple[int, IncomingOutcome]] = []
    numbers: list[int] = []
    for number, (item, lead_id) in enumerate(zip(items, lead_ids, strict=True)):
        if lead_id is not None and item.outcome is not None:
            known.append((lead_id, item.outcome))
            numbers.append(number)
    reasons = Reasons(outcome for _, outcome in known)
    last = reasons.last_words(known)
    deciding = {lead_id: numbers[word.number] for lead_id, word in last.items()}
    counting = {lead_id: word.outcome for lead_id, word in last.items()}
    told = outcomes.tell(counting, reasons, actor=context.actor, at=context.at, act_id=context.act_id)
    statuses = []
    for number, lead_id in enumerate(lead_ids):
        one = told.get(lead_id) if lead_id is not None else None
        status = Submission.Status.REFUSED if one is None else Submission.Status.ATTACHED
        outcome = items[number].outcome
        if one is not None and lead_id is not None and outcome is not None:
            problems[number].extend(reasons.unknown(outcome))
            if deciding[lead_id] == number:
                problems[number].extend(one.notes)
            if one.changed and deciding[lead_id] == number:
                status = Submission.Status.CREATED if one.is_new_case else Submission.Status.UPDATED
        statuses.append(status.value)
    _, _, submission_ids = store.reserve(0, 0, len(items))
    write_submissions(submission_ids, items, list(zip(statuses, lead_ids, problems, strict=True)), "outcome", context)
    nudge_facts_changed(list(last))
    return [
        Taken(
            status,
            lead_id,
            submission_id,
            tuple(found),
            case_id=told[lead_id].case_id if lead_id in told else None,
            is_new_case=lead_id in told and told[lead_id].is_new_case,
            undated=lead_id in told and told[lead_id].undated and deciding[lead_id] == number,
        )
        for number, (status, lead_id, submission_id, found) in enumerate(
            zip(statuses, lead_ids, submission_ids, problems, strict=True)
        )
    ]
