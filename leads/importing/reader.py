"""Reading a table from a file of any usual kind, row by row, in bounded memory, resumable at a row.

`inspect` answers how the file is to be read or refuses it; `rows` yields its rows under that layout;
`survey` reads it to the end so that a fault in the last line is known before the first row is stored.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from leads.importing import workbook
from leads.importing.dialect import find_delimiter
from leads.importing.encoding import recognise
from leads.importing.header import column_names, doubled_names, find_header
from leads.importing.limits import MAX_BYTES, MAX_COLUMNS, MAX_LINE, MAX_ROWS, FileRefused

SAMPLE_ROWS = 200
SAMPLE_CHARS = 512 * 1024
_SEP = re.compile(r"\s*sep=(.)\s*", re.IGNORECASE)
# A bracket around a name is how some databases write a header: "[Email],[Name]".
_JSON = re.compile(r"\ufeff?\s*(?:\{|\[(?!\s*[^\W\d][^\[\]{}\"]*\]))")
Records = Iterator[tuple[int, list[str]]]


class Row(NamedTuple):
    """A data row: its number (1 is the first below the header), the line of the file it starts in, its cells.

    There are at least as many cells as columns; more only when the row has text beyond the last column.
    """

    number: int
    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is read. `first_line` is where rows may start; `header_line` is 0 when the file has no header."""

    format: str  # "text" or "xlsx"
    encoding: str
    delimiter: str
    header_line: int
    first_line: int
    columns: tuple[str, ...]
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()  # names that the header has more than once
    # The encoding is a guess: the words beyond ASCII as they read in it, then in others; (codec, words) each. Else empty.
    readings: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Layout":
        parts = {name: tuple(stored.get(name, ())) for name in ("columns", "sheets", "doubled")}
        return cls(**{**stored, **parts, "readings": tuple((codec, words) for codec, words in stored.get("readings", ()))})


def inspect(
    file: BinaryIO, *, encoding: str = "", delimiter: str = "", header_line: int | None = None, sheet: str = ""
) -> Layout:
    """How to read `file`, by its content and not by its name; what is given is taken as given.

    FileRefused when it holds no table.
    """
    size = file.seek(0, io.SEEK_END)
    if size > MAX_BYTES:
        raise FileRefused(
            "file_too_large", f"The file has {size // 1024**2:,} MB; at most {MAX_BYTES // 1024**2} MB can be imported."
        )
    file.seek(0)
    head = file.read(512)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _inspect_workbook(file, sheet, header_line)
    workbook.refuse_other_formats(head, file)
    found = recognise(file, encoding)
    encoding = found.encoding
    lines = _sample_lines(file, encoding)
    if not any(line.strip() for line in lines):
        raise FileRefused(
            "empty_file", "The file is empty: all its lines are blank.", expected="a header line and at least one row"
        )
    if _JSON.match("".join(lines[:3])[:1000]):
        raise FileRefused(
            "not_a_table",
            "This is JSON, not a table. Send JSON to the API (its addresses are listed at /api/v1/docs), or export a table as "
            "CSV or XLSX.",
            expected="CSV or XLSX",
        )
    hinted = _SEP.fullmatch(lines[0])
    delimiter = delimiter or (hinted[1] if hinted else find_delimiter(lines))
    skip = 1 if hinted else 0
    sample = list(islice((item for item in _text_records(file, encoding, delimiter) if item[0] > skip), SAMPLE_ROWS))
    layout = _layout("text", sample, encoding=encoding, delimiter=delimiter, header_line=header_line)
    return replace(layout, readings=found.readings)


def _inspect_workbook(file: BinaryIO, sheet: str, header_line: int | None) -> Layout:
    workbook.check_archive(file)
    sheets = workbook.sheet_names(file)
    if not sheets:
        raise FileRefused("empty_file", "The workbook has no visible sheet.")
    for name in [sheet] if sheet else sheets:
        sample = list(islice(workbook.sheet_rows(file, name), SAMPLE_ROWS))
        if any(cells for _, cells in sample):
            return _layout("xlsx", sample, encoding="", delimiter="", header_line=header_line, sheet=name, sheets=sheets)
    raise FileRefused(
        "empty_file", "The workbook is empty: no sheet has a filled cell.", expected="a header row and at least one row"
    )


def _layout(
    format_: str,
    sample: list[tuple[int, list[str]]],
    *,
    encoding: str,
    delimiter: str,
    header_line: int | None,
    sheet: str = "",
    sheets: tuple[str, ...] = (),
) -> Layout:
    if header_line is None:
        start, has_header = find_header([cells for _, cells in sample])
    else:
        has_header = header_line > 0
        start = next((index for index, (line, _) in enumerate(sample) if line >= header_line), -1)
        if start < 0:
            raise FileRefused("no_such_line", f"There is no header in line {header_line}.", line=header_line)
    first, header = sample[start]
    body = sample[start + 1 :] if has_header else sample[start:]
    filled = [cells for _, cells in body if any(cell.strip() for cell in cells)]
    if not filled:
        names = ", ".join(cell.strip() for cell in header[:8])
        raise FileRefused(
            "header_only",
            f"The file has a header in line {first} ({names}) and no row below it.",
            line=first,
            expected="at least one row",
        )
    width = len(header)
    if not has_header:
        width = max(len(cells) for cells in filled)
    while (
        has_header
        and width > 1
        and not header[width - 1].strip()
        and not any(len(row) >= width and row[width - 1].strip() for row in filled)
    ):
        width -= 1  # trailing commas of a spreadsheet
    return Layout(
        format=format_,
        encoding=encoding,
        delimiter=delimiter,
        header_line=first if has_header else 0,
        first_line=first + 1 if has_header else first,
        columns=column_names(header if has_header else (), width),
        sheet=sheet,
        sheets=sheets,
        doubled=doubled_names(header[:width]) if has_header else (),
    )


def rows(file: BinaryIO, layout: Layout, *, start: int = 0) -> Iterator[Row]:
    """The rows below the header after the first `start` of them. Rows without any text do not count as rows."""
    if layout.format == "xlsx":
        records = workbook.sheet_rows(file, layout.sheet)
    else:
        records = _text_records(file, layout.encoding, layout.delimiter)
    width = len(layout.columns)
    blank = [""] * width
    first_line = layout.first_line
    if layout.header_line:
        # The header itself may stand on several lines; what follows it is data.
        for line, _ in records:
            if line >= layout.header_line:
                break
    number = 0
    for line, cells in records:
        if line < first_line or not any(cells) or not any(map(str.strip, cells)):
            continue
        number += 1
        if number > MAX_ROWS:
            raise FileRefused(
                "too_many_rows",
                f"The file has more than {MAX_ROWS:,} rows (line {line}). Split it.",
                line=line,
                expected=f"at most {MAX_ROWS:,} rows",
            )
        if number <= start:
            continue
        if len(cells) < width:
            cells += blank[len(cells) :]
        elif len(cells) > width and not any(map(str.strip, cells[width:])):
            del cells[width:]
        yield Row(number, line, cells)


def survey(file: BinaryIO, layout: Layout) -> int:
    """How many rows the whole file has; FileRefused when any part of it cannot be read."""
    return sum(1 for _ in rows(file, layout))


class _Lines:
    """The lines of a text stream, numbered, each of bounded length; keeps those of the record being read."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._read = stream.readline
        self.line = 0
        self.record: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        text = self._read(MAX_LINE)
        if not text:
            raise StopIteration
        self.line += 1
        if len(text) >= MAX_LINE:
            raise workbook.cell_too_large(self.line)
        self.record.append(text)
        return text


def _text_records(file: BinaryIO, encoding: str, delimiter: str) -> Records:
    file.seek(0)
    stream = io.TextIOWrapper(file, encoding=encoding, errors="strict", newline="")
    try:
        lines = _Lines(stream)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            start = lines.line + 1
            lines.record.clear()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                cells = _read_odd_record(lines.record, start, delimiter, error)
            except UnicodeDecodeError as error:
                raise FileRefused(
                    "undecodable", f"Bytes after line {lines.line} are not {encoding}.", line=lines.line + 1
                ) from error
            if len(cells) > MAX_COLUMNS:
                raise workbook.too_many_columns(len(cells), start)
            yield start, cells
    finally:
        if not file.closed:
            stream.detach()


def _read_odd_record(record: list[str], start: int, delimiter: str, error: csv.Error) -> list[str]:
    """A record whose quotes break the rules: read as meant when it ends with its line, refused when it runs on."""
    if "field limit" in str(error) and len(record) == 1:
        raise workbook.cell_too_large(start) from error
    if len(record) == 1 and "end of data" not in str(error):
        if '\\"' in record[0]:
            try:
                return next(csv.reader(record, delimiter=delimiter, strict=True, doublequote=False, escapechar="\\"))
            except csv.Error:
                pass
        cells = next(csv.reader(record, delimiter=delimiter))
        if not cells[-1].endswith(("\n", "\r")):
            return cells
    raise FileRefused(
        "unclosed_quote",
        f"A quote opened in line {start} is never closed, so the rest of the file cannot be told apart.",
        line=start,
        expected='a closing " in the same cell',
    ) from error


def _sample_lines(file: BinaryIO, encoding: str) -> list[str]:
    """The first lines without the last, which may be cut."""
    file.seek(0)
    stream = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
    try:
        text = stream.read(SAMPLE_CHARS)
    finally:
        stream.detach()
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    if len(text) == SAMPLE_CHARS and len(lines) > 1:
        lines.pop()
    return [line for line in lines if line] or [""]
