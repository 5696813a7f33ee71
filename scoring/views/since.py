"""What came of a version as a file for spreadsheets: the same rows as the tables of its page."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from leads.errors import NotFound
from leads.export import csv_file
from leads.pages import page
from scoring.lift import Rate
from scoring.models import ModelVersion
from scoring.since import Since, since

SEE = "scoring.see_criteria"


@page(SEE)
def version_since(request: HttpRequest, pk: int) -> HttpResponseBase:
    version = get_object_or_404(ModelVersion.objects.select_related("model"), pk=pk)
    found = since(version)
    if found is None or found.latest is None:
        raise NotFound(f"{version.label} was not in force for a week.")
    answer = StreamingHttpResponse(csv_file(_rows(found)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{version.model.key}-{version.label}-since.csv"'
    return answer


def _rows(found: Since) -> Iterator[tuple[object, ...]]:
    """Counts, never shares: of each share both its numbers, so that nothing is lost by rounding."""
    signed, columns = found.signed, found.columns
    yield ("", "Signed", *(one.label for one in columns))
    yield ("MQLs a week", _short(signed.per_week if signed else None), *(_short(one.per_week) for one in columns))
    yield ("MQLs", "", *(one.mqls for one in columns))
    yield ("Entered with it", signed.opening if signed else "", *(one.entered for one in columns))
    shares: tuple[tuple[str, Rate | None, list[Rate]], ...] = (
        ("accepted", signed.accepted if signed else None, [one.accepted for one in columns]),
        ("won", signed.won if signed else None, [one.won for one in columns]),
    )
    for word, before, rates in shares:
        whole = "Answered" if word == "accepted" else "Ended"
        yield (whole, before.rows if before else "", *(one.rows for one in rates))
        yield (f"{whole}, {word}", before.positive if before else "", *(one.positive for one in rates))
    for label, counts in found.outcome_rows:
        yield (label, "", *counts)
    for row in found.reasons:
        yield (f"Rejected: {row.label}", "", *row.counts)
    if found.capacity is not None:
        yield "Reps can take a week", found.capacity
    for no, first, count, is_whole in found.week_rows:
        yield (f"Week {no} from {timezone.localtime(first):%Y-%m-%d}{'' if is_whole else ', not over'}", "", count)


def _short(value: float | None) -> float | str:
    return "" if value is None else round(value, 2)
