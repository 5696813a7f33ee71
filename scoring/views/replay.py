"""The replay of a draft's effect, on request: so many weeks an answer as fit into a moment, and the page asks for the rest.

What is done so far travels with the page, so that any web process can go on, and nothing goes on for a page that was closed.
"""

from time import monotonic
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from leads.errors import Invalid
from leads.lib.numbers import whole
from leads.pages import page, reader, render
from scoring.models import ModelVersion
from scoring.slots import slots
from scoring.views.preview import SEE, Asked

A_MOMENT_S = 0.8


def _counts(text: str) -> list[int]:
    """`3,0,12`; nothing where any part is no count."""
    parts = [whole(part) for part in text.split(",")] if text else []
    return [] if any(part is None or part < 0 for part in parts) else [part for part in parts if part is not None]


@page(SEE)
def criteria_replay(request: HttpRequest, pk: int) -> HttpResponse:
    """Entries a week under the draft and under the version in force; without htmx all of it in one answer."""
    from scoring.columns import NotInSnapshot  # here, not above: no process starts with numpy
    from scoring.preview import drafts
    from scoring.preview.replay import REPLAYED, Replay
    from scoring.snapshot import keeping

    version = get_object_or_404(ModelVersion.objects.select_related("model"), pk=pk)
    asked = Asked.of(request.GET)
    context: dict[str, Any] = {"version": version, "asked": asked, "weeks": REPLAYED}
    try:
        specs = drafts.compared(version, asked.points, asked.threshold, side=reader(request).side)
    except Invalid as problem:
        return _draw(request, context | {"problem": f"The draft cannot be tried yet: {problem.message}"})
    snapshot = keeping.standing().snapshot or keeping.built_at_once()
    if snapshot is None:
        return _draw(request, context | {"problem": "The data is still being gathered. Try again in some minutes."})
    both = [specs.draft] if specs.live is None else [specs.draft, specs.live]
    same = ".".join([str(snapshot.number), *(spec.hash[:12] for spec in both)])
    counts: list[list[int]] = [[] for _ in both]
    if request.GET.get("same") == same:
        counts = [_counts(request.GET.get(name, ""))[:REPLAYED] for name in ("draft", "live")[: len(both)]]
    if len({len(one) for one in counts}) > 1:
        counts = [[] for _ in both]
    replay, began = Replay(snapshot), monotonic()
    try:
        while len(counts[0]) < REPLAYED and not (request.headers.get("HX-Request") and monotonic() - began > A_MOMENT_S):
            week = [replay.entries(spec, len(counts[0])) for spec in both]
            for one, count in zip(counts, week, strict=True):
                one.append(count)
    except NotInSnapshot as missing:
        return _draw(request, context | {"problem": f"The data does not hold {', '.join(missing.fields)}, which is asked for."})
    return _draw(
        request,
        context
        | {
            "done": len(counts[0]),
            "same": same,
            "draft": counts[0],
            "live": counts[1] if len(counts) > 1 else None,
            "first_week": replay.first_week,
            "capacity": slots.capacity(),
            "snapshot": snapshot,
            "live_no": specs.live_no,
        },
    )


def _draw(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    title = f"{context['version'].label}, week by week"
    response = render(request, "scoring/replay.html", context, title=title, fragment="scoring/_replay.html")
    response["Cache-Control"] = "no-store"
    return response
