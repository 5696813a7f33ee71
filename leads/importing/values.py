"""Cells as values: numbers, dates and yes/no in the spellings that exports use, and the words that mean "nothing here"."""

import datetime as dt
import re
from decimal import Decimal, InvalidOperation

from leads.importing.header import PLACEHOLDERS

# A form's choice that nobody touched.
UNTOUCHED = frozenset(
    {
        "select", "select one", "select...", "select an option", "please select", "please choose", "--select--",
        "- select -", "-- select --",
        "choose", "choose one", "-none-", "--none--", "- none -", "bitte wählen", "bitte auswählen",
    }
)  # fmt: skip
EMPTY = PLACEHOLDERS | UNTOUCHED
# In a name only what cannot be one: Na, Null and None are surnames.
EMPTY_NAME = frozenset({"", "-", "--", "---", "n/a", "#n/a", "n.a.", "?", ".", "(blank)", "<null>", "(empty)"}) | UNTOUCHED
TRUE = frozenset({"yes", "y", "true", "t", "1", "on", "ja", "oui", "si", "sí", "x", "checked", "wahr"})
FALSE = frozenset({"no", "n", "false", "f", "0", "off", "nein", "non", "unchecked", "falsch"})
MAX_DIGITS = 15

_CURRENCY = re.compile(
    r"^(?:[A-Z]{3}\s+|[€$£¥₹₽₩₺฿]\s*|(?:CHF|kr|zł|Rs)\.?\s*)|(?:\s+[A-Z]{3}|\s*[€$£¥₹₽₩₺฿%]|\s*(?:CHF|kr|zł)\.?)$"
)
_NUMBER = re.compile(
    r"[-+]?(?:\d+|\d{1,3}(?:(?P<t>[., '’\u00a0\u202f])\d{3})(?:(?P=t)\d{3})*)(?:(?P<d>[.,])\d+)?(?:[eE][-+]?\d{1,2})?"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner janvier enero", "february feb februar février febrero", "march mar märz mrz mars marzo",
            "april apr avril abril", "may mai mayo", "june jun juni juin junio", "july jul juli juillet julio",
            "august aug août agosto",
            "september sep sept septembre septiembre", "october oct oktober okt octobre octubre",
            "november nov novembre noviembre",
            "december dec dezember dez décembre diciembre",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_TIME = re.compile(
    r"(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<f>\d{1,6})\d*)?)?\s*(?P<ap>[ap]\.?m\.?)?\s*(?P<z>Z|UTC|GMT|[-+]\d{2}:?\d{2}|[-+]\d{2})?",
    re.IGNORECASE,
)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})")
_COMPACT = re.compile(r"(?:19|20)\d{6}")
_MONTH_WORD = re.compile(
    r"(?:[^\W\d_]+,?\s+)?(\d{1,2})(?:st|nd|rd|th|\.)?[\s\-/.]+([^\W\d_]+)\.?,?[\s\-/.]+(\d{4}|\d{2})", re.IGNORECASE
)
_WORD_FIRST = re.compile(r"(?:[^\W\d_]+,\s+)?([^\W\d_]+)\.?[\s\-]+(\d{1,2})(?:st|nd|rd|th)?,?[\s\-]+(\d{4})", re.IGNORECASE)
_SPLIT = re.compile(r"[\sT]+(?=\d{1,2}:\d{2})|,\s+(?=\d{1,2}:\d{2})")


class Misfit(ValueError):
    """A cell that is not what its column should hold; `expected` says what that is."""

    def __init__(self, code: str, expected: str) -> None:
        super().__init__(expected)
        self.code = code
        self.expected = expected


def boolean(text: str) -> bool:
    word = text.strip().casefold()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise Misfit("not_boolean", "yes or no")


def number(text: str, decimal: str = "") -> Decimal:
    """The number in `text`; `decimal` is the column's decimal sign where single cells leave it open ("1,234").

    Thousands separators, currency signs, percent signs and brackets for negatives are understood; at most 15 digits.
    """
    bare = text.strip()
    negative = bare.startswith("(") and bare.endswith(")")
    if negative:
        bare = bare[1:-1].strip()
    sign = ""
    if bare[:1] in "-+\u2212" and bare:
        sign, bare = ("-" if bare[0] != "+" else ""), bare[1:].lstrip()
    bare = sign + _CURRENCY.sub("", bare).strip()
    found = _NUMBER.fullmatch(bare)
    if not found:
        raise Misfit("not_number", "a number")
    thousands, point = found["t"], found["d"]
    if (
        thousands in (".", ",")
        and not point
        and bare.count(thousands) == 1
        and (decimal == thousands or (thousands == "." and decimal != ","))
    ):
        thousands, point = None, thousands  # "1.234" is one and a bit unless the column says otherwise
    elif point and not thousands and decimal and point != decimal and re.fullmatch(r"[-+]?\d{1,3}[.,]\d{3}", bare):
        thousands, point = point, None
    if thousands:
        bare = bare.replace(thousands, "")
    if point == ",":
        bare = bare.replace(",", ".")
    try:
        value = Decimal(bare)
    except InvalidOperation as error:
        raise Misfit("not_number", "a number") from error
    if len(value.as_tuple().digits) > MAX_DIGITS or abs(value) >= Decimal(10) ** MAX_DIGITS:
        raise Misfit("number_too_long", f"a number of at most {MAX_DIGITS} digits")
    return -value if negative else value


def decimal_sign(texts: list[str]) -> str:
    """The decimal sign of a column: what its unambiguous numbers use; "." when none tells."""
    commas = points = 0
    for text in texts:
        bare = _CURRENCY.sub("", text.strip())
        found = _NUMBER.fullmatch(bare)
        if not found:
            continue
        if found["t"] is None and re.fullmatch(r"[-+]?[1-9]\d{0,2}[.,]\d{3}", bare):
            continue  # "1,234" and "1.234" tell nothing
        if found["d"] == ",":
            commas += 1
        elif found["d"] == "." or (found["t"] == "," and not found["d"]):
            points += 1
        elif found["t"] == "." and bare.count(".") > 1:
            commas += 1
    return "," if commas > points else "."


def day_first_votes(text: str) -> tuple[int, int]:
    """(1, 0) when a date can only be day-month-year, (0, 1) when only month-day-year, (0, 0) when it tells nothing."""
    found = _YEAR_LAST.match(text.strip())
    if not found:
        return 0, 0
    first, second = int(found[1]), int(found[3])
    if found[2] == "." or first > 12 >= second:
        return 1, 0
    return (0, 1) if second > 12 >= first else (0, 0)


def is_ambiguous_date(text: str) -> bool:
    """Whether only the column can say which of two numbers is the day."""
    found = _YEAR_LAST.match(text.strip())
    return found is not None and day_first_votes(text) == (0, 0) and found[1] != found[3]


def date_time(text: str, *, day_first: bool | None = None, zone: dt.tzinfo = dt.UTC) -> tuple[dt.datetime, bool]:
    """(aware instant, whether the text had a time). A date alone is midnight UTC; a time without zone is in `zone`.

    `day_first` decides dates such as 03/04/2026; without it they are a Misfit.
    """
    bare = " ".join(text.split())
    if re.fullmatch(r"\d{10}|\d{13}", bare) and bare[0] in "12":
        return dt.datetime.fromtimestamp(int(bare) / (1000 if len(bare) == 13 else 1), dt.UTC), True
    parts = _SPLIT.split(bare, maxsplit=1)
    day = _date(parts[0].strip().rstrip(","), day_first)
    if len(parts) == 1:
        return dt.datetime.combine(day, dt.time(), dt.UTC), False
    found = _TIME.fullmatch(parts[1].strip())
    if not found:
        raise Misfit("not_date", "a date, such as 2026-11-22 or 2026-11-22 14:30")
    hour = int(found["h"])
    if found["ap"]:
        if not 1 <= hour <= 12:
            raise Misfit("not_date", "an hour from 1 to 12 with am or pm")
        hour = hour % 12 + (12 if found["ap"].lower().startswith("p") else 0)
    try:
        moment = dt.time(hour, int(found["m"]), int(found["s"] or 0), int((found["f"] or "0").ljust(6, "0")))
    except ValueError as error:
        raise Misfit("not_date", "a time from 00:00 to 23:59") from error
    return dt.datetime.combine(day, moment, _zone(found["z"], zone)), True


def _date(text: str, day_first: bool | None) -> dt.date:
    try:
        if found := _YEAR_FIRST.fullmatch(text):
            return dt.date(int(found[1]), int(found[3]), int(found[4]))
        if found := _YEAR_LAST.fullmatch(text):
            first, second = int(found[1]), int(found[3])
            only_day, only_month = day_first_votes(text)
            if not only_day and not only_month and first != second:
                if day_first is None:
                    raise Misfit("ambiguous_date", "which number is the day: say it for the column")
                only_day = day_first
            elif first == second:
                only_day = True
            return dt.date(_year(found[4]), second if only_day else first, first if only_day else second)
        if _COMPACT.fullmatch(text):
            return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
        if (found := _MONTH_WORD.fullmatch(text)) and found[2].casefold() in _MONTHS:
            return dt.date(_year(found[3]), _MONTHS[found[2].casefold()], int(found[1]))
        if (found := _WORD_FIRST.fullmatch(text)) and found[1].casefold() in _MONTHS:
            return dt.date(int(found[3]), _MONTHS[found[1].casefold()], int(found[2]))
    except Misfit:
        raise
    except ValueError as error:
        raise Misfit("not_date", "a day that exists") from error
    raise Misfit("not_date", "a date, such as 2026-11-22")


def _year(text: str) -> int:
    year = int(text)
    return year if len(text) == 4 else year + (2000 if year < 70 else 1900)


def _zone(text: str | None, default: dt.tzinfo) -> dt.tzinfo:
    if not text:
        return default
    if text.upper() in ("Z", "UTC", "GMT"):
        return dt.UTC
    hours, minutes = int(text[1:3]), int(text[-2:]) if len(text) > 3 else 0
    if hours > 14 or minutes > 59:
        raise Misfit("not_date", "a time zone from -14:00 to +14:00")
    offset = dt.timedelta(hours=hours, minutes=minutes)
    return dt.timezone(-offset if text[0] == "-" else offset)


def split_multi(text: str) -> list[str]:
    """The values of a cell that holds several, parted by semicolon, bar or line end; each once, in order."""
    seen: dict[str, None] = {}
    for part in re.split(r"\s*[;|\n]\s*", text):
        if part.strip() and part.strip().casefold() not in EMPTY:
            seen.setdefault(part.strip())
    return list(seen)


_HONORIFICS = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "herr", "frau", "mme", "sir", "ing", "dipl"})


def split_name(text: str) -> tuple[str, str]:
    """(first names, surname) of a name in one cell: "Okafor, Ivy" and "Dr. Ivy Okafor" alike."""
    if text.count(",") == 1:
        last, _, first = text.partition(",")
        if first.strip() and first.strip().rstrip(".").casefold() not in ("jr", "sr", "ii", "iii", "phd", "mba"):
            return " ".join(first.split()), " ".join(last.split())
    words = text.split()
    while len(words) > 1 and words[0].rstrip(".").casefold() in _HONORIFICS:
        words.pop(0)
    return (words[0], " ".join(words[1:])) if words else ("", "")


_ADDRESS = re.compile(r"[^\s;,|<>\"'()/]+@[^\s;,|<>\"'()/]+")


def first_address(text: str) -> str:
    """The first e-mail address of a cell that may hold several, or the text itself when there is none."""
    found = _ADDRESS.findall(text)
    if len(found) > 1 or (found and text != found[0] and re.fullmatch(r".*<[^<>]+>\s*", text)):
        return str(found[0])
    return text.strip().removeprefix("mailto:")


def first_phone(text: str) -> str:
    """The first phone number of a cell that may hold several; lead ads write "p:" before theirs."""
    bare = text.strip().removeprefix("p:")
    parts = [part.strip() for part in re.split(r"\s*[|;,\n]\s*|\s+/\s+|\s+or\s+", bare) if sum(map(str.isdigit, part)) >= 5]
    return parts[0] if len(parts) > 1 else bare
