"""The import wizard: file, columns, check, import.

All state is the run's row, so going back, reloading and a second tab are safe.
"""

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from leads import clock
from leads.errors import Invalid
from leads.export import csv_file
from leads.importing import actions, encoding
from leads.importing.convert import cells_of, names_of
from leads.importing.dialect import DELIMITERS, NAMES
from leads.importing.limits import MAX_BYTES, MAX_ROWS, FileRefused
from leads.importing.refused import correct
from leads.models import Campaign, ImportRefusal, ImportRun, User
from leads.pages import page, render
from leads.slots import slots
from leads.views.import_columns import page_of, read_choices

MAY = "leads.import_leads"
MOST_CELLS = 120  # of a refused row on one page; those it was refused for are always among them
State = ImportRun.State
BEYOND = "beyond"  # a cell that has no column
BEFORE_RUN = (State.UPLOADED, State.MAPPED, State.CHECKED)


KINDS = (
    (ImportRun.Kind.LEADS.value, "Leads: people and where they work; for history, also what became of them"),
    (ImportRun.Kind.COMPANIES.value, "Companies, known by their domain or name"),
    (ImportRun.Kind.ACTIVITIES.value, "Activities: what leads you know did, and when"),
    (ImportRun.Kind.OUTCOMES.value, "Outcomes: which leads you know were won, lost or rejected"),
)


class UploadForm(forms.Form):
    file = forms.FileField(
        label="File", error_messages={"required": "Choose a file first.", "empty": "The file is empty: it holds no bytes at all."}
    )
    kind = forms.ChoiceField(label="What is in it", choices=KINDS, initial=ImportRun.Kind.LEADS, widget=forms.RadioSelect)
    campaign = forms.ModelChoiceField(
        Campaign.objects.all(),
        required=False,
        empty_label="No campaign",
        help_text="Leads that name none in the file came by this one.",
    )
    new_campaign = forms.CharField(label="or a new campaign", max_length=120, required=False)
    source = forms.CharField(
        max_length=80, required=False, help_text="Such as Trade fair 2026. Used where the file has no source of its own."
    )


class ReadingForm(forms.Form):
    encoding = forms.ChoiceField(required=False)
    delimiter = forms.ChoiceField(label="Cells are parted by", required=False)
    header_line = forms.IntegerField(
        label="Header in line", min_value=0, max_value=1000, required=False, help_text="0: the file has no header."
    )
    sheet = forms.ChoiceField(required=False)

    def __init__(self, run: ImportRun, *args: Any, **kwargs: Any) -> None:
        layout = actions.layout_of(run)
        kwargs["initial"] = {
            "encoding": layout.encoding, "delimiter": layout.delimiter, "header_line": layout.header_line, "sheet": layout.sheet,
        }  # fmt: skip
        super().__init__(*args, **kwargs)
        if layout.format == "xlsx":
            del self.fields["encoding"], self.fields["delimiter"]
            self._offer("sheet", [(name, name) for name in layout.sheets])
        else:
            del self.fields["sheet"]
            codecs = dict.fromkeys((layout.encoding, *encoding.CHOICES))
            self._offer("encoding", [(codec, encoding.label(codec)) for codec in codecs])
            marks = dict.fromkeys((layout.delimiter, *DELIMITERS))
            self._offer("delimiter", [(mark, NAMES.get(mark, mark).capitalize()) for mark in marks])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices


def person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


@page(MAY)
@require_GET
def import_list(request: HttpRequest) -> HttpResponseBase:
    runs = ImportRun.objects.select_related("created_by", "campaign", "job")
    return render(
        request, "leads/import_list.html", {"page": Paginator(runs, 25).get_page(request.GET.get("page"))}, title="Imports"
    )


@page(MAY)
@require_http_methods(["GET", "POST"])
def import_create(request: HttpRequest) -> HttpResponseBase:
    corrects = None
    if request.GET.get("corrects", "").isdecimal():
        corrects = get_object_or_404(ImportRun, pk=int(request.GET["corrects"]))
    initial = {"kind": corrects.kind, "campaign": corrects.campaign_id, "source": corrects.source} if corrects else {}
    form = UploadForm(request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            run = actions.upload(
                data["file"].file,
                name=data["file"].name,
                kind=data["kind"],
                actor=person(request),
                campaign=data["campaign"] or data["new_campaign"],
                source=data["source"],
                corrects=corrects,
            )
        except FileRefused as refused:
            form.add_error("file", forms.ValidationError(refused.message, code=refused.code))
        else:
            return redirect("admin:import-columns", run.pk)
    return render(
        request,
        "leads/import_file.html",
        {"form": form, "corrects": corrects, "max_mb": MAX_BYTES // 1024**2, "max_rows": MAX_ROWS},
        title="Import a file",
        status=422 if request.method == "POST" else 200,
    )


@page(MAY)
@require_http_methods(["GET", "POST"])
def import_columns(request: HttpRequest, pk: int) -> HttpResponseBase:
    run = _run(pk)
    if run.state not in BEFORE_RUN:
        return redirect("admin:import-detail", pk)
    error: Invalid | None = None
    if request.method == "POST":
        actions.set_mapping(run, read_choices(run, request.POST), actor=person(request))
        if request.POST.get("do") == "check":
            try:
                actions.start_check(run, actor=person(request))
            except Invalid as invalid:
                error = invalid
            else:
                return redirect("admin:import-check", pk)
    layout = actions.layout_of(run)
    context = {
        "run": run,
        "columns": page_of(run),
        "mapping": run.mapping,
        "layout": layout,
        "reading": ReadingForm(run),
        "encoding": encoding.label(layout.encoding),
        "readings": [(encoding.label(codec), words) for codec, words in layout.readings],
        "delimiter": NAMES.get(layout.delimiter, layout.delimiter),
        "earlier": actions.earlier_run(run),
        "error": error,
    }
    return render(
        request,
        "leads/import_columns.html",
        context,
        title="Import: columns",
        fragment="leads/_import_columns.html",
        status=422 if error else 200,
    )


@page(MAY)
@require_POST
def import_reread(request: HttpRequest, pk: int) -> HttpResponseBase:
    run = _run(pk)
    form = ReadingForm(run, request.POST)
    if not form.is_valid():
        raise Invalid(
            "Say how the file is to be read: an encoding, a delimiter and a line from 0 to 1,000.",
            code="bad_reading",
            field="file",
        )
    actions.reread(
        run, actor=person(request), **{key: value for key, value in form.cleaned_data.items() if value not in (None, "")}
    )
    return redirect("admin:import-columns", pk)


@page(MAY)
@require_http_methods(["GET", "POST"])
def import_check(request: HttpRequest, pk: int) -> HttpResponseBase:
    run = _run(pk)
    if run.state not in BEFORE_RUN:
        return redirect("admin:import-detail", pk)
    if request.method == "POST":
        actions.start(
            run,
            actor=person(request),
            checked=True,
            options={"score_after": "score_after" in request.POST, "hand_over": "hand_over" in request.POST},
        )
        return redirect("admin:import-detail", pk)
    if run.job is None or (run.state == State.MAPPED and run.job.state == "stopped"):
        return redirect("admin:import-columns", pk)
    refusals = list(ImportRefusal.objects.filter(run=run)[:8]) if run.state == State.CHECKED else []
    context = {
        "run": run,
        "job": run.job,
        "waiting": run.state != State.CHECKED and run.job.state in ("queued", "running"),
        "failed": run.state != State.CHECKED and run.job.state == "failed",
        "result": run.check_result,
        "rows_to_take": run.check_result.get("received", 0) - run.check_result.get("refused", 0),
        "names": _names(run, refusals),
        "refusals": refusals,
        "left_seconds": _left_seconds(run),
        "earlier": actions.earlier_run(run),
    }
    return render(request, "leads/import_check.html", context, title="Import: check", fragment="leads/_import_check.html")


@page(MAY)
@require_GET
def import_detail(request: HttpRequest, pk: int) -> HttpResponseBase:
    run = _run(pk)
    if run.state in BEFORE_RUN:
        checking = run.state == State.CHECKED or (run.job is not None and run.job.state in ("queued", "running"))
        back = reverse("admin:import-check" if checking else "admin:import-columns", args=[pk])
        if request.headers.get("HX-Request"):  # the whole page goes there, not its moving part alone
            return HttpResponse(headers={"HX-Redirect": back})
        return redirect(back)
    job = run.job
    context = {
        "run": run,
        "job": job,
        "running": run.state == State.RUNNING,
        "step": 5 if run.state in (State.DONE, State.UNDONE) else 4,
        "left_seconds": _left_seconds(run),
        "may_undo": actions.may_undo(run),
        "undo_until": run.finished_at + actions.UNDO_FOR if run.finished_at else None,
        "waiting_refusals": ImportRefusal.objects.filter(run=run, corrected_at=None).count() if run.state != State.RUNNING else 0,
        "corrections": run.corrections.all()[:5],
        "cards": [
            (template, filled)
            for _, template, fill in sorted(slots.import_cards, key=lambda card: card[0])
            if run.state != State.RUNNING and (filled := fill(request, run)) is not None
        ],
    }
    return render(
        request, "leads/import_detail.html", context, title=f"Import of {run.file_name}", fragment="leads/_import_progress.html"
    )


@page(MAY)
@require_POST
def import_stop(request: HttpRequest, pk: int) -> HttpResponseBase:
    actions.stop(_run(pk), actor=person(request))
    return _back(request, pk)


@page(MAY)
@require_POST
def import_resume(request: HttpRequest, pk: int) -> HttpResponseBase:
    actions.resume(_run(pk), actor=person(request))
    return _back(request, pk)


@page(MAY)
@require_POST
def import_undo(request: HttpRequest, pk: int) -> HttpResponseBase:
    actions.undo(_run(pk), actor=person(request))
    return _back(request, pk)


@page(MAY)
@require_POST
def import_retry(request: HttpRequest, pk: int) -> HttpResponseBase:
    actions.retry(_run(pk), actor=person(request))
    return _back(request, pk)


@page(MAY)
@require_POST
def import_discard(request: HttpRequest, pk: int) -> HttpResponseBase:
    actions.discard(_run(pk), actor=person(request))
    return redirect("admin:import-list")


@page(MAY)
@require_GET
def import_refused(request: HttpRequest, pk: int) -> HttpResponseBase:
    run = _run(pk)
    waiting = ImportRefusal.objects.filter(run=run, corrected_at=None)
    refusals = Paginator(waiting, 20).get_page(request.GET.get("page"))
    return render(
        request,
        "leads/import_refused.html",
        {
            "run": run,
            "names": _names(run, refusals.object_list),
            "page": refusals,
            "may_correct": run.state not in (*BEFORE_RUN, State.UNDONE),
        },
        title="Refused rows",
    )


@page(MAY)
@require_http_methods(["GET", "POST"])
def import_refused_correct(request: HttpRequest, pk: int, line: int) -> HttpResponseBase:
    run = _run(pk)
    refusal = get_object_or_404(ImportRefusal, run=run, line=line)
    if request.method == "GET" and refusal.corrected_at is not None:  # reached by the browser's back button
        messages.info(request, f"Line {line} was taken in already.")
        return redirect("admin:import-refused", pk)
    names = names_of(refusal.content, [column["name"] for column in run.columns])
    if request.method == "POST":
        # What the page did not show stays as it came.
        typed = {name: request.POST[f"cell-{index}"] for index, name in enumerate(names) if f"cell-{index}" in request.POST}
        content = {name: text for name, text in {**refusal.content, **typed}.items() if str(text).strip()}
        refusal = correct(refusal, content, actor=person(request))
        if refusal.corrected_at is not None:
            messages.success(request, f"Line {line} is taken in.")
            return redirect("admin:import-refused", pk)
    wrong = {problem.get("field") for problem in refusal.problems}
    cells, others = [], []
    targets = [goes["target"] for goes in run.mapping["goes"]]
    for index, (name, target) in enumerate(zip_longest(names, targets, fillvalue=BEYOND)):
        cell = index, name, refusal.content.get(name, ""), target
        if {name, target} & wrong or target == BEYOND:
            cells.append(cell)
        elif cell[2] or target != "ignore":
            others.append(cell)
    cells = sorted(cells + others[: max(0, MOST_CELLS - len(cells))])
    return render(
        request,
        "leads/import_correct.html",
        {"run": run, "refusal": refusal, "cells": cells},
        title=f"Line {line}",
        status=422 if request.method == "POST" else 200,
    )


@page(MAY)
@require_GET
def import_refused_download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The refused rows as they stand in the file, each with its line and the reasons; can be corrected and imported again."""
    run = _run(pk)
    own = (actions.LINE_COLUMN, actions.WHY_COLUMN)  # of a file that was such a download itself
    names = [column["name"] for column in run.columns if column["name"] not in own]

    def rows() -> Iterator[list[object]]:
        yield [actions.LINE_COLUMN, actions.WHY_COLUMN, *names]
        for refusal in ImportRefusal.objects.filter(run=run, corrected_at=None).order_by("line").iterator(chunk_size=1000):
            why = " ".join(problem["message"] for problem in refusal.problems)
            yield [refusal.line, why, *cells_of(refusal.content, names)]

    response = StreamingHttpResponse(csv_file(rows()), content_type="text/csv; charset=utf-8")
    stem = slugify(run.file_name.rpartition(".")[0]) or "import"
    response["Content-Disposition"] = f'attachment; filename="{stem}-refused.csv"'
    return response


def _names(run: ImportRun, refusals: Iterable[ImportRefusal]) -> list[str]:
    """The names of all cells of these rows, those beyond the file's columns included."""
    columns = [column["name"] for column in run.columns]
    return list(max((names_of(refusal.content, columns) for refusal in refusals), key=len, default=columns))


def _run(pk: int) -> ImportRun:
    return get_object_or_404(ImportRun.objects.select_related("campaign", "created_by", "job"), pk=pk)


def _back(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:import-detail", args=[pk]))


def _left_seconds(run: ImportRun) -> int | None:
    """How long the rest takes at the pace so far."""
    job = run.job
    if job is None or not job.total or not job.position or job.started_at is None or job.state != "running":
        return None
    passed = (clock.now() - job.started_at).total_seconds()
    return max(1, round(passed / job.position * (job.total - job.position)))
