"""The lead list: page, fragment and exports of the same leads."""

import logging
import tempfile
from collections.abc import Iterator

from django.contrib import messages
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from leads import clock
from leads.errors import Invalid
from leads.export import MOST_XLSX_ROWS, csv_lines, readings, write_xlsx
from leads.lib.numbers import whole
from leads.listing import PAGE_SIZE, LeadListing
from leads.models import Lead
from leads.pages import page, reader, render
from leads.paging import MOST_ROWS

logger = logging.getLogger("accord.export")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@page("leads.view_lead")
def lead_list(request: HttpRequest) -> HttpResponse:
    listing = LeadListing(request.GET, reader(request))
    return render(
        request,
        "leads/lead_list.html",
        {
            "listing": listing,
            "filter": listing.filter,
            "page": listing.page,
            "heads": listing.heads,
            "most_rows": MOST_ROWS,
            "everything": request.path,
            "may_export": request.user.has_perm("leads.export_leads"),
            "may_add": request.user.has_perm("leads.add_lead"),
            "may_import": request.user.has_perm("leads.import_leads"),
        },
        title="Leads",
        fragment="leads/_lead_table.html",
    )


@page("leads.export_leads")
def lead_export(request: HttpRequest) -> HttpResponseBase:
    """The list as the address filters it, or the leads chosen by hand (`ids`, posted), as CSV or XLSX."""
    user = reader(request)
    listing = LeadListing(request.GET, user)
    form = request.POST.get("format") or request.GET.get("format") or "csv"
    if request.method == "POST":
        chosen = [pk for pk in map(whole, request.POST.getlist("ids")) if pk is not None][:PAGE_SIZE]
        if not chosen:
            messages.warning(request, "Choose leads to export first.")
            return redirect("admin:lead-list")
        leads: QuerySet[Lead] = Lead.objects.visible_to(user).filter(pk__in=chosen).order_by("-created_at", "-pk")
    elif not listing.filter.is_valid():
        return redirect(f"{reverse('admin:lead-list')}?{listing.query}")
    else:
        leads = listing.ordered
    columns = readings(listing.columns, listing.filter.own_fields)
    name = f"leads-{timezone.localdate(clock.now()).isoformat()}"
    logger.info("leads exported as %s", form, extra={"user": user.pk, "narrowed_by": sorted(request.GET)})
    rows: Iterator[Lead] = listing.complete(leads).iterator(chunk_size=1000)
    if form == "csv":
        return StreamingHttpResponse(
            csv_lines(rows, columns, user.zone),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
        )
    if form != "xlsx":
        raise Invalid(
            "Lists are exported as CSV or XLSX.", code="unknown_format", field="format", value=form, expected="csv or xlsx"
        )
    if leads.order_by().values("pk")[: MOST_XLSX_ROWS + 1].count() > MOST_XLSX_ROWS:
        raise Invalid(
            f"A workbook takes up to {MOST_XLSX_ROWS:,} leads. Narrow the list, or take the CSV: it has no limit.",
            code="too_many_rows", field="format", value=form, expected="csv",
        )  # fmt: skip
    file = tempfile.TemporaryFile()
    write_xlsx(rows, columns, user.zone, file)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=f"{name}.xlsx", content_type=XLSX)
