"""What people do on the sign-off card: propose, sign, ask for a change, take back, put into force, return.

Every form carries what its page was drawn from. A refusal shows the page again with what was typed.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh

from leads import clock
from leads.errors import AccordError, Conflict, Invalid, NotAllowed
from leads.lib.numbers import whole
from leads.models import Reason
from leads.pages import page, reader, render
from scoring.actions.activating import activate_version, begin_trial, call_off, end_trial, go_on, return_to
from scoring.actions.evidence import add_evidence, remove_evidence
from scoring.actions.signing import ON_ITS_WAY, give_verdict, propose_version, take_back
from scoring.models import Activation, Evidence, ModelVersion, VersionEvent
from scoring.signing_card import names, signing_card, signing_stamp
from scoring.signoff import Verdict
from scoring.views.versions import version_page
from scoring.views.workshop import draft_page

SEE, EDIT, SIGN, ACTIVATE = "scoring.see_criteria", "scoring.edit_draft", "scoring.sign_version", "scoring.activate_version"


def _version(pk: int) -> ModelVersion:
    return get_object_or_404(ModelVersion.objects.select_related("model", "copied_from", "created_by"), pk=pk)


def _refused(
    request: HttpRequest, version: ModelVersion, refused: AccordError, *, form: str = "card", at: str = "signoff"
) -> HttpResponse:
    """The version's page as it is now: what was wrong at its `form` (card, evidence) with what was typed still in it.

    The page is long, so that a draft's names it at its top as well, with a way to `at`.
    """
    if isinstance(refused, NotAllowed):
        raise refused
    version = _version(version.pk)
    status = 409 if isinstance(refused, Conflict) else 422
    more: dict[str, Any] = {f"{form}_error": refused.message, "card_typed": request.POST.dict()}
    if form == "evidence":
        more["evidence_wrong"] = getattr(refused, "field", "")
    if version.status == ModelVersion.Status.DRAFT and request.user.has_perm(EDIT):
        return draft_page(request, version, status=status, error=refused.message, error_at=at, **more)
    return version_page(request, version, status=status, **more)


def _done(request: HttpRequest, version: ModelVersion, verb: Callable[[], Any], words: str) -> HttpResponse:
    try:
        verb()
    except AccordError as refused:
        return _refused(request, version, refused)
    messages.success(request, words)
    return redirect("admin:criteria-version", version.pk)


@page(EDIT)
@require_POST
def version_propose(request: HttpRequest, pk: int) -> HttpResponse:
    """Lay the draft before both sides as it was seen."""
    version = _version(pk)
    rev, reason = whole(request.POST.get("rev")) or 0, request.POST.get("reason", "")
    return _done(
        request,
        version,
        lambda: propose_version(version, actor=reader(request), rev=rev, reason=reason),
        f"{version.label} is proposed. Both sides can sign it now.",
    )


@page(SIGN)
@require_POST
def version_verdict(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign, or ask for a change."""
    version = _version(pk)
    verdict = request.POST.get("verdict", "")
    return _done(
        request,
        version,
        lambda: give_verdict(
            version,
            actor=reader(request),
            verdict=verdict,
            spec_hash=request.POST.get("hash", ""),
            note=request.POST.get("note", ""),
            side=request.POST.get("side") or None,
        ),
        f"You signed {version.label}." if verdict == Verdict.AGREE else f"You asked for a change of {version.label}.",
    )


@page(EDIT)
@require_POST
def version_take_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Edit a proposed version: as a new draft, with its signatures void."""
    version = _version(pk)
    try:
        draft = take_back(version, actor=reader(request))
    except AccordError as refused:
        return _refused(request, version, refused)
    void = list(version.signatures.filter(verdict=Verdict.AGREE).select_related("user"))
    words = f"{version.label} was taken back; {draft.label} is a draft with its content."
    messages.success(request, f"{words} Void by that: the signature of {names(void)}." if void else words)
    return redirect("admin:criteria-draft", draft.pk)


@page(ACTIVATE)
@require_POST
def criteria_activate(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a version into force as it was seen."""
    version = _version(pk)
    rev, reason = whole(request.POST.get("rev")) or 0, request.POST.get("reason", "")
    wave = request.POST.get("wave", Activation.Wave.NOW)
    try:
        when = _moment(request)
        activation = activate_version(version, actor=reader(request), rev=rev, reason=reason, wave=wave, effective_at=when)
    except AccordError as refused:
        return _refused(request, version, refused)
    planned = activation.step == Activation.Step.PLANNED
    how = "at the time you chose" if planned else "as soon as every lead is scored by it"
    messages.success(request, f"{version.model.name} {version.label} comes into force {how}.")
    return redirect("admin:criteria-version", version.pk)


def _moment(request: HttpRequest) -> datetime | None:
    """The time chosen in the person's own zone; None for at once."""
    typed = request.POST.get("at", "").strip()
    if not typed:
        return None
    try:
        chosen = datetime.fromisoformat(typed)
    except ValueError:
        raise Invalid("That is no time.", code="invalid", field="at", value=typed, expected="a day and a time") from None
    if chosen.tzinfo is None:
        chosen = chosen.replace(tzinfo=reader(request).zone)
    if chosen <= clock.now():
        raise Invalid("That time is past. Leave it empty to begin at once.", code="past", field="at", value=typed)
    return chosen


@page(SEE)
def version_activation(request: HttpRequest, pk: int) -> HttpResponse:
    """How far a version is on its way into force; the whole page anew once that is over."""
    version = _version(pk)
    card = signing_card(version, reader(request))
    if card.activation is None or card.activation.step not in ON_ITS_WAY:
        answer = HttpResponse(status=204)
        return HttpResponseClientRefresh() if request.headers.get("HX-Request") else answer
    context = {"card": card, "version": version}
    return render(request, "scoring/_activation.html", context, fragment="scoring/_activation.html")


@page(SEE)
def version_signing(request: HttpRequest, pk: int) -> HttpResponse:
    """The sign-off card where it is no longer what `seen` stood for.

    Of a version that was taken back only a word of it, so that what somebody writes stays; the whole page anew once it is in force.
    """
    version, context = _version(pk), dict[str, Any]()
    if version.status == ModelVersion.Status.WITHDRAWN:
        context["event"] = version.events.filter(verb=VersionEvent.Verb.TAKEN_BACK).select_related("actor").last()
    elif version.status != ModelVersion.Status.PROPOSED:
        return HttpResponseClientRefresh() if request.headers.get("HX-Request") else HttpResponse(status=204)
    elif request.GET.get("seen") == signing_stamp(version):
        return HttpResponse(status=204)
    context |= {"version": version, "oob": True}
    return render(request, "scoring/_signing_changed.html", context, fragment="scoring/_signing_changed.html")


def _steered(request: HttpRequest, pk: int, verb: Callable[[Activation], Any], words: str) -> HttpResponse:
    version = _version(pk)
    activation = get_object_or_404(version.activations.order_by("-pk")[:1])
    try:
        verb(activation)
    except AccordError as refused:
        return _refused(request, version, refused)
    messages.success(request, f"{version.label} {words}.")
    return redirect("admin:criteria-version", version.pk)


@page(ACTIVATE)
@require_POST
def activation_call_off(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop a version on its way into force."""
    return _steered(request, pk, lambda one: call_off(one, actor=reader(request)), "was called off; it stays proposed")


@page(ACTIVATE)
@require_POST
def activation_resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Try again what stopped on its way into force."""
    return _steered(request, pk, lambda one: go_on(one, actor=reader(request)), "is on its way again")


@page(EDIT)
@require_POST
def version_trial(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin a trial run, or (`end`) end it."""
    version = _version(pk)
    ends = "end" in request.POST
    words = f"The trial of {version.label} is over." if ends else f"{version.label} runs beside the version in force now."
    verb = end_trial if ends else begin_trial
    return _done(request, version, lambda: verb(version, actor=reader(request)), words)


@page(ACTIVATE)
@require_POST
def version_return(request: HttpRequest, pk: int) -> HttpResponse:
    """A new version of the content of an earlier one, in force at once."""
    version = _version(pk)
    try:
        activation = return_to(version, actor=reader(request), reason=request.POST.get("reason", ""))
    except AccordError as refused:
        return _refused(request, version, refused)
    messages.success(request, f"{activation.version.label} comes into force with the content of {version.label}.")
    return redirect("admin:criteria-version", activation.version_id)


@page(EDIT)
@require_POST
def evidence_add(request: HttpRequest, pk: int) -> HttpResponse:
    """Something the draft rests on."""
    version = _version(pk)
    said = request.POST
    reason = Reason.objects.filter(pk=whole(said.get("evidence-reason")) or 0).first()
    try:
        add_evidence(
            version,
            actor=reader(request),
            kind=said.get("kind", ""),
            label=said.get("label", ""),
            url=said.get("url", ""),
            reason=reason,
            note=said.get("evidence-note", ""),
        )
    except Invalid as refused:
        return _refused(request, version, refused, form="evidence", at="evidence-add")
    except AccordError as refused:
        return _refused(request, version, refused)
    return redirect("admin:criteria-version", version.pk)


@page(EDIT)
@require_POST
def evidence_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Not what it rests on after all."""
    evidence = get_object_or_404(Evidence.objects.select_related("version"), pk=pk)
    try:
        remove_evidence(evidence, actor=reader(request))
    except AccordError as refused:
        return _refused(request, evidence.version, refused)
    return redirect("admin:criteria-version", evidence.version_id)
