"""The folder of real files the import is tried on, and files made on the spot."""

import io
import os
from pathlib import Path

import pytest
from openpyxl import Workbook

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("ACCORD_DATA_DIR", str(ROOT.parent / "shared" / "data")))
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"the folder of sample files is missing ({DATA}); set ACCORD_DATA_DIR to where it is"
)

LEADS = "Email,First Name,Last Name,Company,Employees,City\n"


def text(content: str | bytes, encoding: str = "utf-8") -> io.BytesIO:
    return io.BytesIO(content if isinstance(content, bytes) else content.encode(encoding))


def workbook(*rows: list[object], title: str = "Leads") -> io.BytesIO:
    book = Workbook()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    file.seek(0)
    return file


def lines(count, first=0):
    return "".join(f"lead{n}@company{n % 7}.io,Ivy{n},Okafor,Company {n % 7},{n},Oslo\n" for n in range(first, first + count))
