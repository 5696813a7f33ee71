"""How often somebody may try at the door: sign-ins that fail and mails to set a password, by account and by address.

A bucket holds `most` tries and gets one back every `seconds`. Buckets are rows, so that all processes and hosts count together.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from leads import clock

# One statement, so that tries at the same moment cannot share one token. No row comes back from an empty bucket.
_TAKE = """
INSERT INTO leads_doorbucket AS bucket (key, tokens, at)
VALUES (%(key)s, %(most)s - 1, %(now)s)
ON CONFLICT (key) DO UPDATE SET
    tokens = LEAST(%(most)s, bucket.tokens + EXTRACT(epoch FROM excluded.at - bucket.at) / %(seconds)s) - 1,
    at = excluded.at
WHERE LEAST(%(most)s, bucket.tokens + EXTRACT(epoch FROM excluded.at - bucket.at) / %(seconds)s) >= 1
RETURNING tokens
"""
_GIVE_BACK = "UPDATE leads_doorbucket SET tokens = tokens + 1 WHERE key = %s"
# After a day every bucket is full and as good as none.
_FORGET = """
DELETE FROM leads_doorbucket WHERE key IN (
    SELECT key FROM leads_doorbucket WHERE at < %s::timestamptz - interval '1 day' ORDER BY at LIMIT 100 FOR UPDATE SKIP LOCKED
)
"""

TOO_MANY = "Too many tries. Wait a few minutes, then try again."


@dataclass(frozen=True, slots=True)
class Limit:
    name: str
    most: int
    seconds: int


# An address may stand for a whole office.
SIGN_IN = (Limit("sign-in from", 50, 12), Limit("sign-in as", 10, 60))
RESET = (Limit("reset from", 20, 180), Limit("reset of", 3, 1200))


def address_of(request: HttpRequest) -> str:
    """Where a request comes from; "" when the proxy we trust does not say. What the proxy added stands last."""
    if not settings.TRUST_PROXY:
        return str(request.META.get("REMOTE_ADDR") or "")
    return str(request.headers.get("X-Forwarded-For", "")).rpartition(",")[2].strip()


def may_try(limits: tuple[Limit, Limit], address: str, account: str) -> bool:
    """Takes one try of the address and, when it has one, of the account; whether both had one."""
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [now])
        for limit, key in _keys(limits, address, account):
            cursor.execute(_TAKE, {"key": key, "most": limit.most, "seconds": limit.seconds, "now": now})
            if cursor.fetchone() is None:
                return False
    return True


def give_back(limits: tuple[Limit, Limit], address: str, account: str) -> None:
    """Undoes a `may_try` that turned out not to count."""
    with connection.cursor() as cursor:
        for _, key in _keys(limits, address, account):
            cursor.execute(_GIVE_BACK, [key])


def _keys(limits: tuple[Limit, Limit], address: str, account: str) -> list[tuple[Limit, str]]:
    """The buckets of a try; digests, as what people type at the door can be anything, even a password."""
    values = (address, account.strip().lower())
    return [
        (limit, sha256(f"{limit.name} {value}".encode("utf-8", "replace")).hexdigest())
        for limit, value in zip(limits, values, strict=True)
        if value
    ]
