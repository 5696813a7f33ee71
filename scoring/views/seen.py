"""What a form of a draft was drawn from, as it is by the time it is sent: still there, removed, or in a version that is closed."""

from functools import wraps
from typing import ParamSpec

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django_htmx.http import reswap, trigger_client_event

from leads.errors import Conflict
from leads.pages import View
from scoring.actions.drafting import who_of
from scoring.models import Criterion, CriterionGroup, Gate, ModelVersion
from scoring.views.workshop import VERSIONS, draft_of

P = ParamSpec("P")


def written_on(request: HttpRequest, pk: int) -> ModelVersion:
    """The draft a form is opened on. What was typed is drawn again, also where it can no longer be saved."""
    return get_object_or_404(VERSIONS, pk=pk) if request.method == "POST" else draft_of(pk)


def talked_of(pk: int) -> ModelVersion:
    """A version that may be talked about: a draft, or one that was proposed since its page was drawn."""
    version = get_object_or_404(VERSIONS, pk=pk)
    return version if version.status == ModelVersion.Status.PROPOSED else draft_of(pk)


def criterion_of(version: ModelVersion, key: str, *, also_removed: bool = False) -> Criterion:
    """A criterion of a version; a conflict when somebody removed it, as whoever asks has just seen it.

    With `also_removed` the one last removed, where there is none any more.
    """
    held = Criterion.with_removed.select_related("group").filter(version=version, key=key)
    found = held.order_by("removed", "-rev", "-pk").first()
    if found is None:
        raise Http404
    if found.removed and not also_removed:
        raise Conflict("Somebody removed this criterion meanwhile. The log has it, and can put it back.", code="gone")
    found.version = version
    return found


def gate_of(version: ModelVersion, key: str) -> Gate:
    """A gate of a draft; a conflict when somebody removed it."""
    found = version.gates.filter(key=key).first()
    if found is None:
        _refuse_gone(version, "gate", key)
        return get_object_or_404(version.gates, key=key)
    return found


def group_of(version: ModelVersion, key: str) -> CriterionGroup:
    """A group of a draft; a conflict when somebody removed it."""
    found = version.groups.filter(key=key).first()
    if found is None:
        _refuse_gone(version, "group", key)
        return get_object_or_404(version.groups, key=key)
    return found


def _refuse_gone(version: ModelVersion, thing: str, key: str) -> None:
    gone = version.edits.filter(verb=f"remove_{thing}", target=key).select_related("actor").first()
    if gone is not None:
        raise Conflict(f"{who_of(gone)} removed this {thing} meanwhile. The log can put it back.", code="gone")


def stays(view: View[P]) -> View[P]:
    """For a form within a page: a conflict it cannot show in its own part is told, and what was typed stays where it is."""

    @wraps(view)
    def told(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Conflict as refused:
            if not request.headers.get("HX-Request"):
                raise
            answer = reswap(HttpResponse(refused.message, status=409, content_type="text/plain; charset=utf-8"), "none")
            return trigger_client_event(answer, "toast", {"text": refused.message, "kind": "bad"})

    return told
