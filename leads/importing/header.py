"""Where a table's header stands and what its columns are called."""

import re
from collections import Counter
from collections.abc import Sequence

PLACEHOLDERS = frozenset(
    {
        "", "n/a", "na", "n.a.", "n.a", "#n/a", "#null!", "#ref!", "#value!", "#name?", "#div/0!", "null", "nil", "none",
        "nan", "-", "--", "---",
        "—", "–", ".", "?", "(blank)", "(empty)", "(none)", "(not set)", "not set", "undefined", "<null>", "\\n",
        "[not provided]", "not provided",
        "not available", "not applicable",
    }
)  # fmt: skip
_DATA = re.compile(r"[^\s@]+@[^\s@]+\.\w+|(?:https?://|www\.)\S+|true|false|yes|no", re.IGNORECASE)


def find_header(rows: Sequence[Sequence[str]]) -> tuple[int, bool]:
    """(index of the first row of the table, whether that row is its header).

    Titles above a table fill few cells of their row, so the table starts at the first row that fills more than half as
    many as the fullest. That row is the header unless nothing in it reads like a name.
    """
    filled = [sum(1 for cell in row if cell.strip()) for row in rows]
    fullest = max(filled, default=0)
    start = next((index for index, count in enumerate(filled) if count and count * 2 > fullest), 0)
    cells = [cell.strip() for cell in rows[start]] if rows else []
    if any("@" in cell and _DATA.fullmatch(cell) for cell in cells):
        return start, False
    return start, any(_is_name(cell) for cell in cells)


def _is_name(cell: str) -> bool:
    return any(char.isalpha() for char in cell) and cell.casefold() not in PLACEHOLDERS and not _DATA.fullmatch(cell)


def doubled_names(cells: Sequence[str]) -> tuple[str, ...]:
    """The names that stand more than once in a header, in whatever case, each as it stands first."""
    given = [" ".join(cell.split())[:200] for cell in cells]
    counts = Counter(name.casefold() for name in given if name)
    first = {name.casefold(): name for name in reversed(given)}
    return tuple(first[name] for name, count in counts.items() if count > 1)


def column_names(cells: Sequence[str], width: int) -> tuple[str, ...]:
    """One name for each column, all different: blank ones become "Column 3", a second "Email" becomes "Email (2)"."""
    names: list[str] = []
    taken: set[str] = set()
    for index in range(width):
        given = " ".join(cells[index].split())[:200] if index < len(cells) else ""
        name = base = given or f"Column {index + 1}"
        again = 2
        while name.casefold() in taken:
            name = f"{base} ({again})"
            again += 1
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)
