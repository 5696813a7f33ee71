"""Which character separates the cells of a text file."""

import csv
import re
from collections import Counter
from collections.abc import Sequence

DELIMITERS = (",", ";", "\t", "|")
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_PLAIN = re.compile(
    r"""\s*(?:
        | [-+(]?[^\w\s,;|]?\s?\d{1,3}(?:[.,' \u00a0]?\d{3})*(?:[.,]\d+)?\)?\s?[%€£$]?   # number, currency, percent
        | \d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T]\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?)?   # date, time
        | [^\s@,;|]+@[^\s@,;|]+\.[^\s@,;|]+                                             # address
        | [^\W\d_][^,;|\t]*                                                              # words
    )\s*""",
    re.VERBOSE,
)


def find_delimiter(lines: Sequence[str]) -> str:
    """The delimiter under which the sampled lines give equally long rows of plain cells; a comma when there is one column only.

    Rows of one width speak for a delimiter; cells that still hold another candidate ("5;2" between commas) speak against it,
    which decides files whose decimal sign is a comma.
    """
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        if not any(delimiter in line for line in lines):
            continue
        score = _score(lines, delimiter)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _score(lines: Sequence[str], delimiter: str) -> float:
    rows = [row for row in _parse(lines, delimiter) if any(cell.strip() for cell in row)]
    if not rows:
        return 0.0
    widths = Counter(len(row) for row in rows)
    width, _ = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
    if width < 2:
        return 0.0
    even = sum(count for other, count in widths.items() if other == width) / len(rows)
    cells = [cell for row in rows for cell in row]
    plain = sum(1 for cell in cells if len(cell) > 200 or _PLAIN.fullmatch(cell)) / len(cells)
    return even * even * (0.2 + 0.8 * plain) * (1 - 1 / (width + 1))


def _parse(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for row in reader:
            rows.append(row)
            if len(rows) >= 300:
                break
    except csv.Error:  # a cell beyond the limit: the full reading will say where
        pass
    return rows
