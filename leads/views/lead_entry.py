"""Leads written down by hand: a new one, and corrections of one that is there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from leads.actions.update import update_lead
from leads.changes import NOTHING, Changed, facts_of
from leads.errors import Conflict, Invalid
from leads.intake.batch import take_in
from leads.intake.incoming import Incoming, Taken
from leads.labels import LABELS, label_of
from leads.lead_forms import LeadForm, NewLeadForm, TitleForm
from leads.lead_view import LeadView, lead_seen_by
from leads.lib.folding import fold
from leads.models import Lead, LeadEvent, LeadField
from leads.pages import page, reader, render

BY_HAND = "Entered by hand"
_SAID = {
    "created": "{name} is in.",
    "updated": "{name} was known already; what was missing was added.",
    "attached": "{name} was known already; nothing new was said.",
}


@page("leads.add_lead")
def lead_add(request: HttpRequest) -> HttpResponse:
    """A lead by hand, through the same gate and matching as any other."""
    user = reader(request)
    own_fields = LeadField.objects.filter(active=True)
    form = NewLeadForm(request.POST if request.method == "POST" else None, own_fields=own_fields)
    if request.method == "POST" and form.is_valid():
        said = {
            key: value
            for key, value in form.values().items()
            if value is not None and (key, value) != ("lead.consent", "unknown")
        }
        campaign = form.cleaned_data["campaign"]
        incoming = Incoming(
            values=said,
            source=form.cleaned_data["source"] or BY_HAND,
            campaign_id=campaign.pk if campaign else None,
            raw={key: str(value) for key, value in said.items()},
        )
        with transaction.atomic():
            last = LeadEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
            (taken,) = take_in([incoming], actor=user, channel="manual")
            replaced = _replaced(taken, last, own_fields)
            agreed = request.POST.get("agreed") == str(taken.lead_id)
            if replaced and not agreed:
                transaction.set_rollback(True)
        if replaced and not agreed and taken.lead_id is not None:
            known = lead_seen_by(user, taken.lead_id)
            context = {"form": form, "known": known, "replaced": replaced}
            return render(request, "leads/lead_form.html", context, title="Add lead", status=409)
        if taken.lead_id is not None and taken.status != "refused":
            lead = lead_seen_by(user, taken.lead_id)
            messages.success(request, _said(taken, lead, replaced))
            for words in _known_otherwise(lead, said):
                messages.warning(request, words)
            for problem in taken.problems:
                messages.warning(request, problem.message)
            return redirect("admin:lead-detail", lead.pk)
        for problem in taken.problems:
            form.blame(problem.field, problem.message or problem.code)
    status = 422 if form.errors else 200
    return render(request, "leads/lead_form.html", {"form": form}, title="Add lead", status=status)


def _replaced(taken: Taken, last: int, own_fields: Iterable[LeadField]) -> list[Changed]:
    """What was known of somebody and is something else by what was just taken in, after event `last`."""
    if taken.status != "updated" or taken.lead_id is None:
        return []
    labels = LABELS | {f"custom.{field.key}": field.label for field in own_fields}
    events = LeadEvent.objects.filter(lead_id=taken.lead_id, kind=LeadEvent.Kind.UPDATED, pk__gt=last)
    facts = (fact for event in events for fact in facts_of(event, labels) if fact.old != NOTHING)
    return sorted(facts, key=lambda fact: fact.label)


def _said(taken: Taken, lead: Lead, replaced: Sequence[Changed]) -> str:
    if not replaced:
        return _SAID[taken.status].format(name=lead.name)
    facts = ", ".join(f"{fact.label} (was “{fact.old}”)" for fact in replaced)
    return f"{lead.name} was known already and is changed: {facts}."


def _known_otherwise(lead: Lead, said: Mapping[str, object]) -> Iterator[str]:
    """What is known of the company stays; that what was written was not used is told."""
    for name in ("industry", "employees"):
        given, held = said.get(f"company.{name}"), getattr(lead.company, name, None)
        if given is not None and fold(str(given)) != fold(str(held)):
            label = label_of(f"company.{name}")
            yield f"{label} “{given}” was not used: {lead.company or 'the company'} is known with “{held}”. Correct it at the company."


@page("leads.change_lead")
def lead_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """The facts of a lead, corrected; what somebody else changed meanwhile is never overwritten unseen."""
    user, status = reader(request), 200
    lead = lead_seen_by(user, pk)
    form = LeadForm(request.POST if request.method == "POST" else None, own_fields=LeadView(lead, user).own_fields, lead=lead)
    if request.method == "POST" and form.is_valid():
        try:
            update_lead(lead, form.changes(), actor=user, seen=_seen(request))
        except Invalid as refused:
            form.blame(refused.field, refused.message)
        except Conflict:
            status = 409
            lead = lead_seen_by(user, pk)
            form = form.over(lead)
            form.add_error(
                None,
                "Somebody else changed this lead meanwhile. What you wrote is still here, theirs is in the rest: look and save again.",
            )
        else:
            messages.success(request, "Saved.")
            return redirect("admin:lead-detail", pk)
    if form.errors and status == 200:
        status = 422
    context = {"form": form, "lead": lead, "seen": lead.updated_at.isoformat()}
    return render(request, "leads/lead_form.html", context, title=f"Edit {lead.name}", status=status)


def _seen(request: HttpRequest) -> datetime | None:
    """The state of the lead the form was drawn from."""
    try:
        return datetime.fromisoformat(request.POST.get("seen", ""))
    except ValueError:
        return None


@page("leads.change_lead")
@require_POST
def title_correct(request: HttpRequest, pk: int) -> HttpResponse:
    """What the title really means, said by a person: later titles no longer change it."""
    user = reader(request)
    lead = lead_seen_by(user, pk)
    form = TitleForm(request.POST)
    if form.is_valid():
        update_lead(lead, form.changes(), actor=user)
        lead = lead_seen_by(user, pk)
    if request.headers.get("HX-Request"):
        part = "leads/_lead_who.html"
        context = {"lead": lead, "view": LeadView(lead, user), "title_form": form}
        return render(request, part, context, fragment=part, status=200 if form.is_valid() else 422)
    if form.is_valid():
        messages.success(request, "Seniority and department are corrected.")
    else:
        messages.error(request, "Choose a seniority and a department of the lists.")
    return redirect("admin:lead-detail", pk)
