"""What the hand-off pages share: which hand-off is asked for, and where the person goes afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from handoff.models import Handoff
from leads.pages import reader

if TYPE_CHECKING:
    from django.http import HttpRequest


def handoff_or_404(request: HttpRequest, pk: int) -> Handoff:
    """The hand-off if this person may see it; one that is not theirs does not exist for them."""
    mine = Handoff.objects.visible_to(reader(request)).select_related("lead__company", "owner", "reason")
    return get_object_or_404(mine, pk=pk)


def wants_row(request: HttpRequest) -> bool:
    """Whether the answer is one row of the inbox, drawn into the page that asked."""
    return bool(request.headers.get("HX-Request"))


def next_url(request: HttpRequest, default: str = "") -> str:
    """Where to go after a plain post: the address the form named when it is one of ours."""
    given = request.POST.get("next", "")
    if given and url_has_allowed_host_and_scheme(given, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return given
    return default or reverse("admin:inbox")
