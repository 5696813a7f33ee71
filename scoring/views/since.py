"""What came of a version as a file for spreadsheets: the same rows as the tables of its page."""

import csv
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from leads.errors import NotFound
from leads.export import BOM, Echo, safe_text
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
    answer = StreamingHttpResponse(_lines(found), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{version.model.key}-{version.label}-since.csv"'
    return answer


def _lines(found: Since) -> Iterator[str]:
    """Counts, never shares: of each share both its numbers, so that nothing is lost by rounding."""
    writer = csv.writer(Echo())

    def line(*cells: object) -> str:
        written: str = writer.writerow([safe_text(one) if isinstance(one, str) else one for one in cells])
        return written

    signed, columns = found.signed, found.columns
    yield BOM + line("", "Signed", *(one.label for one in columns))
    yield line("MQLs a week", _short(signed.per_week if signed else None), *(_short(one.per_week) for one in columns))
    yield line("MQLs", "", *(one.mqls for one in columns))
    yield line("Entered with it", signed.opening if signed else "", *(one.entered for one in columns))
    shares: tuple[tuple[str, Rate | None, list[Rate]], ...] = (
        ("accepted", signed.accepted if signed else None, [one.accepted for one in columns]),
        ("won", signed.won if signed else None, [one.won for one in columns]),
    )
    for word, before, rates in shares:
        whole = "Answered" if word == "accepted" else "Ended"
        yield line(whole, before.rows if before else "", *(one.rows for one in rates))
        yield line(f"{whole}, {word}", before.positive if before else "", *(one.positive for one in rates))
    for label, counts in found.outcome_rows:
        yield line(label, "", *counts)
    for row in found.reasons:
        yield line(f"Rejected: {row.label}", "", *row.counts)
    if found.capacity is not None:
        yield line("Reps can take a week", found.capacity)
    for no, first, count, is_whole in found.week_rows:
        yield line(f"Week {no} from {timezone.localtime(first):%Y-%m-%d}{'' if is_whole else ', not over'}", "", count)


def _short(value: float | None) -> float | str:
    return "" if value is None else round(value, 2)
