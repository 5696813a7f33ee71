"""What people do on the sign-off card: propose, sign, ask for a change, take back, put into force, return.

Every form carries what its page was drawn from. A refusal shows the page again with what was typed.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from leads.errors import AccordError, Conflict, NotAllowed
from leads.lib.numbers import whole
from leads.models import Reason
from leads.pages import page, reader
from scoring.actions.activating import activate_version, return_to
from scoring.actions.evidence import add_evidence, remove_evidence
from scoring.actions.signing import give_verdict, propose_version, take_back
from scoring.models import Activation, Evidence, ModelVersion
from scoring.signing_card import names
from scoring.signoff import Verdict
from scoring.views.versions import version_page
from scoring.views.workshop import draft_page

EDIT, SIGN, ACTIVATE = "scoring.edit_draft", "scoring.sign_version", "scoring.activate_version"


def _version(pk: int) -> ModelVersion:
    return get_object_or_404(ModelVersion.objects.select_related("model", "copied_from", "created_by"), pk=pk)


def _refused(request: HttpRequest, version: ModelVersion, refused: AccordError) -> HttpResponse:
    """The version's page as it is now, with what was wrong on the card and what was typed still in it."""
    if isinstance(refused, NotAllowed):
        raise refused
    version = _version(version.pk)
    status = 409 if isinstance(refused, Conflict) else 422
    more: dict[str, Any] = {"card_error": refused.message, "typed": request.POST.dict()}
    if version.status == ModelVersion.Status.DRAFT and request.user.has_perm(EDIT):
        return draft_page(request, version, status=status, **more)
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
        activate_version(version, actor=reader(request), rev=rev, reason=reason, wave=wave)
    except AccordError as refused:
        return _refused(request, version, refused)
    messages.success(request, f"{version.model.name} {version.label} is in force. Leads are scored by it now.")
    return redirect("admin:criteria")


@page(ACTIVATE)
@require_POST
def version_return(request: HttpRequest, pk: int) -> HttpResponse:
    """A new version of the content of an earlier one, in force at once."""
    version = _version(pk)
    try:
        activation = return_to(version, actor=reader(request), reason=request.POST.get("reason", ""))
    except AccordError as refused:
        return _refused(request, version, refused)
    messages.success(request, f"{activation.version.label} is in force with the content of {version.label}.")
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
