"""The page of a lead, its parts, and the notes written there."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from leads.actions.note import LONGEST_NOTE, add_note
from leads.errors import Invalid
from leads.lead_forms import TitleForm
from leads.lead_view import OTHER_LEADS, LeadView, lead_seen_by
from leads.pages import page, reader, render
from leads.timeline import SHOWN, Place


def _place(request: HttpRequest) -> Place | None:
    text = request.GET.get("after", "")
    return Place.parse(text) if text else None


def _whole(request: HttpRequest, view: LeadView, *, status: int = 200, note_text: str = "", note_error: str = "") -> HttpResponse:
    """The whole page; with a refused note as it was written and why."""
    lead = view.lead
    return render(
        request,
        "leads/lead_detail.html",
        {
            "lead": lead,
            "view": view,
            "main_panels": view.panels(request, "main"),
            "side_panels": view.panels(request, "side"),
            "timeline": view.timeline(request.GET.get("show", "all"), _place(request)),
            "shown": SHOWN,
            "changes": view.changes(),
            "colleagues": view.colleagues[:OTHER_LEADS],
            "has_more_colleagues": len(view.colleagues) > OTHER_LEADS,
            "title_form": TitleForm(initial={"seniority": lead.seniority, "department": lead.department}),
            "longest_note": LONGEST_NOTE,
            "note_text": note_text,
            "note_error": note_error,
        },
        title=lead.name,
        status=status,
    )


@page("leads.view_lead")
def lead_detail(request: HttpRequest, pk: int) -> HttpResponse:
    user = reader(request)
    return _whole(request, LeadView(lead_seen_by(user, pk), user))


@page("leads.view_lead")
def lead_timeline(request: HttpRequest, pk: int) -> HttpResponse:
    """The timeline alone (another kind shown), or with `after` the entries that follow; without htmx the page there."""
    user = reader(request)
    view = LeadView(lead_seen_by(user, pk), user)
    if not request.headers.get("HX-Request"):
        return redirect(f"{reverse('admin:lead-detail', args=[pk])}?{request.GET.urlencode()}#timeline")
    after = _place(request)
    template = "leads/_lead_timeline_more.html" if after else "leads/_lead_timeline.html"
    context = {
        "lead": view.lead,
        "view": view,
        "timeline": view.timeline(request.GET.get("show", "all"), after),
        "shown": SHOWN,
        "longest_note": LONGEST_NOTE,
    }
    return render(request, template, context, fragment=template)


@page("leads.view_lead")
def lead_changes(request: HttpRequest, pk: int) -> HttpResponse:
    """The changes after a place, as further rows."""
    user = reader(request)
    view = LeadView(lead_seen_by(user, pk), user)
    context = {"lead": view.lead, "view": view, "changes": view.changes(_place(request))}
    if not request.headers.get("HX-Request"):
        return render(request, "leads/lead_changes.html", context, title=f"Changes of {view.lead.name}")
    return render(request, "leads/_lead_changes.html", context, fragment="leads/_lead_changes.html")


@page("leads.view_lead")
@require_POST
def note_add(request: HttpRequest, pk: int) -> HttpResponse:
    user = reader(request)
    view = LeadView(lead_seen_by(user, pk), user)
    text, error = request.POST.get("text", ""), ""
    try:
        add_note(view.lead, text, actor=user)
    except Invalid as refused:
        error = refused.message
    if request.headers.get("HX-Request"):
        context = {
            "lead": view.lead,
            "view": view,
            "timeline": view.timeline(),
            "shown": SHOWN,
            "longest_note": LONGEST_NOTE,
            "note_text": text if error else "",
            "note_error": error,
        }
        part = "leads/_lead_timeline.html"
        return render(request, part, context, fragment=part, status=422 if error else 200)
    if error:
        return _whole(request, view, status=422, note_text=text, note_error=error)
    return redirect(f"{reverse('admin:lead-detail', args=[pk])}#timeline")
