"""Days and minutes in words, in the zone of whoever reads; a list shows the same few again and again."""

from datetime import date, datetime
from functools import lru_cache

from django.utils.formats import date_format


@lru_cache(maxsize=1024)
def day_words(day: date, *, with_year: bool = False) -> str:
    """ "28 Nov", or "28 Nov 2026"."""
    return date_format(day, "j M Y" if with_year else "j M")


def minute_words(local: datetime, *, with_year: bool = False) -> str:
    """ "28 Nov, 14:32" of an instant already in the reader's zone."""
    return f"{day_words(local.date(), with_year=with_year)}, {local:%H:%M}"


def moment_words(local: datetime) -> str:
    """ "28 Nov, 14:32 (CET)" likewise, for where the zone is not told beside it."""
    return f"{minute_words(local)} ({local.tzname()})"
