"""What the portal told a person, newest first, and what they have not seen yet."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from leads import clock
from leads.notify import bell
from leads.pages import asks_for_part, page, reader, render

SHOWN = 100
LARGEST_ID = 2**63 - 1


@page()
@require_GET
def notification_list(request: HttpRequest) -> HttpResponse:
    """The newest messages of the person who asks; for the bell of a page that is open, only how many are new."""
    user = reader(request)
    if asks_for_part(request):
        answer = trigger_client_event(HttpResponse(status=204), "badge", {"key": "bell", "count": bell.unread(user)})
    else:
        context = {"notices": bell.latest(user, SHOWN), "unread": bell.unread(user), "shown": SHOWN}
        answer = render(request, "handoff/notifications.html", context, title="Notifications")
    patch_vary_headers(answer, ["HX-Request", "HX-Boosted", "HX-History-Restore-Request"])
    return answer


@page()
@require_POST
def notifications_seen(request: HttpRequest) -> HttpResponse:
    """Note that messages were seen: those named, or all; then on to what a message is about, when it says so."""
    given = [int(text) for text in request.POST.getlist("ids") if text.isdecimal() and len(text) < 20 and int(text) <= LARGEST_ID]
    user = reader(request)
    if request.POST.getlist("ids"):
        bell.mark_seen(user, at=clock.now(), ids=given)
    else:
        bell.mark_seen(user, at=clock.now())
    target = next((notice.url for notice in bell.latest(user, SHOWN) if notice.id in given and notice.url.startswith("/")), "")
    return HttpResponseRedirect(target or reverse("admin:notification-list"))
