"""Lists of leads as files that spreadsheets open safely: no cell of somebody else's text is ever taken for a formula."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, tzinfo
from itertools import chain
from typing import IO

from django.utils import timezone

from leads.choices import FieldType
from leads.models import Lead, LeadField
from leads.slots import LeadColumn

BOM = "\ufeff"
LONGEST_CELL = 32_767  # what a spreadsheet's cell holds
MOST_XLSX_ROWS = 50_000
_HELD_BY_NO_CELL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001 - some spreadsheets run the wide ones, too

Cell = str | int | float | datetime | None
Reading = tuple[str, Callable[[Lead], object]]


def safe_text(text: str) -> str:
    """Text that no spreadsheet runs: what could begin a formula is quoted, what no file may hold is left out."""
    clean = _HELD_BY_NO_CELL.sub("", text)[: LONGEST_CELL - 1]
    return f"'{clean}" if text.startswith(_FORMULA) or clean.startswith(_FORMULA) else clean


def cell_of(value: object, zone: tzinfo) -> Cell:
    """A plain value for a cell: numbers stay numbers, times are told in `zone`, everything else is safe text."""
    match value:
        case None:
            return None
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return value
        case datetime():
            return timezone.localtime(value, zone).replace(tzinfo=None, microsecond=0)
        case date():
            return value.isoformat()
        case list() | tuple():
            return safe_text(", ".join(str(item) for item in value))
        case _:
            return safe_text(str(value))


def readings(columns: Sequence[LeadColumn], own_fields: Sequence[LeadField]) -> list[Reading]:
    """Header and value of every column of an export: who, how to reach them, what the list shows, the company's own fields."""
    who: list[Reading] = [
        ("ID", lambda lead: lead.pk),
        ("First name", lambda lead: lead.first_name),
        ("Last name", lambda lead: lead.last_name),
        ("E-mail", lambda lead: lead.email),
        ("Phone", lambda lead: lead.phone),
        ("Country", lambda lead: lead.country),
    ]
    shown: list[Reading] = [(column.label, column.value) for column in columns if column.key != "name"]
    campaign: list[Reading] = [("Campaign", lambda lead: lead.first_campaign.name if lead.first_campaign else "")]
    return [*who, *shown, *campaign, *((field.label, _own(field)) for field in own_fields)]


def _own(field: LeadField) -> Callable[[Lead], object]:
    def read(lead: Lead) -> object:
        value = lead.attributes.get(field.key)
        return value if field.type != FieldType.TEXT or value is None else str(value)

    return read


class Echo:
    """A file that hands back what is written to it, so that rows leave as they are made."""

    def write(self, text: str) -> str:
        return text


def csv_file(rows: Iterable[Iterable[object]], zone: tzinfo = UTC) -> Iterator[str]:
    """The lines of a CSV file in UTF-8 with a mark that spreadsheets know it by; times are told in `zone`."""
    writer, mark = csv.writer(Echo()), BOM
    for row in rows:
        cells = (cell_of(value, zone) for value in row)
        yield mark + str(writer.writerow([cell.isoformat(" ") if isinstance(cell, datetime) else cell for cell in cells]))
        mark = ""


def csv_lines(leads: Iterable[Lead], columns: Sequence[Reading], zone: tzinfo) -> Iterator[str]:
    """The lines of a CSV file of leads."""
    return csv_file(chain([[label for label, _ in columns]], ([read(lead) for _, read in columns] for lead in leads)), zone)


def write_xlsx(leads: Iterable[Lead], columns: Sequence[Reading], zone: tzinfo, to: IO[bytes]) -> None:
    """A workbook of one sheet, written row by row without holding it in memory."""
    from openpyxl import Workbook  # takes numpy with it, which most processes never need: 0.3 s each

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Leads")
    sheet.freeze_panes = "A2"
    sheet.append([safe_text(label) for label, _ in columns])
    for lead in leads:
        sheet.append([cell_of(read(lead), zone) for _, read in columns])
    book.save(to)
