"""Excel workbooks: what is safe to open is decided from the archive's own figures and bytes before any of it is parsed."""

import datetime as dt
import zipfile
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO
from xml.etree.ElementTree import ParseError

from leads.importing.limits import MAX_CELL, MAX_COLUMNS, FileRefused

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

MAX_SHEET = 2 * 1024**3  # bytes of one unpacked sheet, which is read as a stream
MAX_PART = 200 * 1024**2  # bytes of any other unpacked part, which is held in memory
MAX_RATIO = 120  # how many times larger a part may unpack; repetitive sheets reach 40
RATIO_FROM = 8 * 1024**2
MAX_PARTS = 5_000
PIECE = 1 << 20


def _broken() -> tuple[type[Exception], ...]:
    """What reading a damaged workbook may raise."""
    from openpyxl.utils.exceptions import InvalidFileException

    return (
        zipfile.BadZipFile, InvalidFileException, ParseError, zlib.error, KeyError, ValueError, TypeError, AttributeError,
        IndexError, EOFError,
        NotImplementedError, RuntimeError,
    )  # fmt: skip


def refuse_other_formats(head: bytes, file: BinaryIO) -> None:
    """Say truthfully what a file is that is neither text nor an open workbook."""
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        file.seek(0)
        if "EncryptedPackage".encode("utf-16-le") in file.read(4 * PIECE):
            raise FileRefused(
                "encrypted_workbook", "The workbook is protected by a password. Remove the password in Excel and save it again."
            )
        raise FileRefused(
            "old_workbook", "This is a workbook of the old Excel format (.xls). Save it as .xlsx or CSV.", expected=".xlsx or CSV"
        )
    for magic, what in (
        (b"\x1f\x8b", "a compressed file (gzip)"),
        (b"%PDF", "a PDF"),
        (b"7z\xbc\xaf", "a 7z archive"),
        (b"Rar!", "a RAR archive"),
    ):
        if head.startswith(magic):
            raise FileRefused(
                "not_a_table", f"This is {what}, not a table. Unpack or export it as CSV or XLSX first.", expected="CSV or XLSX"
            )
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<table", b"<?xml")):
        raise FileRefused(
            "not_a_table",
            "This is a web page or XML saved under a table's name. Open it in Excel and save it as CSV or XLSX.",
            expected="CSV or XLSX",
        )


def check_archive(file: BinaryIO) -> None:
    """Let a workbook pass only when unpacking it is bounded, whole and free of document type definitions (entities)."""
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            names = {part.filename for part in parts}
            if (
                "xl/workbook.xml" not in names
                and "xl/workbook.bin" not in names
                and not any(name.endswith("/workbook.xml") for name in names)
            ):
                raise FileRefused(
                    "not_a_workbook", "This is a zip archive, not an Excel workbook. Unpack it and import what is inside."
                )
            if "xl/workbook.bin" in names:
                raise FileRefused(
                    "old_workbook", "This is a binary workbook (.xlsb). Save it as .xlsx or CSV.", expected=".xlsx or CSV"
                )
            _check_sizes(parts)
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    _check_part(archive, part)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise FileRefused(
            "damaged_workbook", f"The workbook is damaged and cannot be unpacked ({error}). Save it again in Excel."
        ) from error


def _check_sizes(parts: list[zipfile.ZipInfo]) -> None:
    if len(parts) > MAX_PARTS:
        raise _bomb(f"it has {len(parts):,} parts")
    for part in parts:
        if part.flag_bits & 1:
            raise FileRefused(
                "encrypted_workbook", "The workbook is protected by a password. Remove the password in Excel and save it again."
            )
        limit = MAX_SHEET if "worksheets/" in part.filename else MAX_PART
        if part.file_size > limit:
            raise _bomb(f"{part.filename} unpacks to {part.file_size // 1024**2:,} MB")
        if part.file_size > RATIO_FROM and part.file_size > MAX_RATIO * max(part.compress_size, 1):
            raise _bomb(f"{part.filename} unpacks to {part.file_size // max(part.compress_size, 1):,} times its size")


def _check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Unpack once, keeping nothing: the true size, the checksum, and no <!DOCTYPE or <!ENTITY anywhere."""
    size = 0
    tail = b""
    with archive.open(part) as stream:
        while piece := stream.read(PIECE):
            if not size and (piece.startswith((b"\xfe\xff", b"\xff\xfe")) or b"\0" in piece[:200]):
                raise FileRefused("unsafe_workbook", f"{part.filename} in the workbook is not UTF-8. Save it again in Excel.")
            size += len(piece)
            if size > part.file_size:
                raise _bomb(f"{part.filename} unpacks to more than it declares")
            window = (tail + piece).upper()
            if b"<!DOCTYPE" in window or b"<!ENTITY" in window:
                raise FileRefused(
                    "unsafe_workbook", f"{part.filename} in the workbook defines XML entities, which no workbook needs."
                )
            tail = piece[-10:]


def _bomb(what: str) -> FileRefused:
    return FileRefused(
        "zip_bomb",
        f"The workbook is refused before unpacking: {what}.",
        expected="a workbook that unpacks to at most 2 GB a sheet",
    )


def sheet_names(file: BinaryIO) -> tuple[str, ...]:
    """The visible worksheets, in order."""
    book = _open(file)
    try:
        return tuple(sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible")
    finally:
        book.close()


def sheet_rows(file: BinaryIO, sheet: str) -> Iterator[tuple[int, list[str]]]:
    """(row number of the sheet, cells as text without trailing blanks), one at a time."""
    book = _open(file)
    try:
        if sheet not in book.sheetnames:
            raise FileRefused("no_such_sheet", f"The workbook has no sheet named {sheet!r}.", expected=", ".join(book.sheetnames))
        page = book[sheet]
        page.reset_dimensions()  # what a writer declares is often wrong
        line = 0
        rows = page.iter_rows(values_only=True)
        while True:
            try:
                values = next(rows)
            except StopIteration:
                return
            except _broken() as error:
                raise FileRefused(
                    "damaged_workbook", f"Sheet {sheet!r} is damaged after row {line} ({error}).", line=line
                ) from error
            line += 1
            cells = [_text(value, line) for value in values]
            while cells and not cells[-1]:
                cells.pop()
            if len(cells) > MAX_COLUMNS:
                raise too_many_columns(len(cells), line)
            yield line, cells
    finally:
        book.close()


def too_many_columns(count: int, line: int) -> FileRefused:
    return FileRefused(
        "too_many_columns",
        f"Line {line} has {count:,} columns; at most {MAX_COLUMNS:,} can be imported.",
        line=line,
        expected=f"at most {MAX_COLUMNS:,}",
    )


def cell_too_large(line: int, column: int = 0) -> FileRefused:
    where = f"Line {line}" + (f", column {column}," if column else "")
    return FileRefused(
        "cell_too_large",
        f"{where} holds a cell of more than {MAX_CELL:,} characters.",
        line=line,
        expected=f"at most {MAX_CELL:,} characters",
    )


def _open(file: BinaryIO) -> "Workbook":
    from openpyxl import load_workbook  # takes numpy with it, which most processes never need: 0.3 s each

    file.seek(0)
    try:
        return load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except _broken() as error:
        raise FileRefused(
            "damaged_workbook", f"The workbook is damaged and cannot be read ({error}). Save it again in Excel."
        ) from error


def _text(value: object, line: int) -> str:
    match value:
        case None:
            return ""
        case str():
            if len(value) > MAX_CELL:
                raise cell_too_large(line)
            return value.replace("\0", "")
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case dt.datetime():
            return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ", timespec="seconds")
        case _:
            return str(value)
