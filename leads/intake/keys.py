"""Keys by which other systems sign their requests: 256 random bits, shown once, kept as SHA-256, limited in rate."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil

from django.db import connection, transaction

from leads import clock
from leads.actions.authority import demand
from leads.errors import Invalid
from leads.models import ApiKey, User

USED_STEP = timedelta(minutes=1)

# Taking a token, in one statement and without waiting for the disk: a crash may forget a second's count. A full bucket holds
# one minute's requests and refills steadily.
_ADMIT = """
WITH unhurried AS (SELECT set_config('synchronous_commit', 'off', true)),
key AS (
    SELECT id, scopes, source, rate_per_minute, last_used_at FROM leads_apikey, unhurried WHERE digest = %s AND active
),
taken AS (
    INSERT INTO leads_ratebucket AS bucket (api_key_id, tokens, at)
    SELECT id, rate_per_minute - 1, clock_timestamp() FROM key
    ON CONFLICT (api_key_id) DO UPDATE SET
        tokens = LEAST(
            excluded.tokens + 1, bucket.tokens + EXTRACT(epoch FROM excluded.at - bucket.at) * (excluded.tokens + 1) / 60
        ) - 1,
        at = excluded.at
    WHERE LEAST(
        excluded.tokens + 1, bucket.tokens + EXTRACT(epoch FROM excluded.at - bucket.at) * (excluded.tokens + 1) / 60
    ) >= 1
    RETURNING tokens
)
SELECT key.id, key.scopes, key.source, key.rate_per_minute, key.last_used_at, clock_timestamp(), (SELECT tokens FROM taken),
       (SELECT LEAST(key.rate_per_minute, b.tokens + EXTRACT(epoch FROM clock_timestamp() - b.at) * key.rate_per_minute / 60)
          FROM leads_ratebucket AS b WHERE b.api_key_id = key.id)
  FROM key
"""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request's key. `retry_after` is None when it may go on, else the seconds to wait."""

    key_id: int
    scopes: tuple[str, ...]
    source: str
    retry_after: int | None


def digest_of(secret: str) -> str:
    """What is stored of a key: enough to know it again, not to use it. Random bits need no slow hash."""
    return sha256(secret.encode("utf-8", "replace")).hexdigest()


def admit(secret: str) -> Admitted | None:
    """The key this secret is, with one request counted; None when there is none or it was revoked."""
    with connection.cursor() as cursor:
        cursor.execute(_ADMIT, [digest_of(secret)])
        row = cursor.fetchone()
    if row is None:
        return None
    pk, scopes, source, rate, last_used_at, at, taken, there = row
    retry_after = None if taken is not None else max(1, ceil((1 - float(there or 0)) * 60 / max(rate, 1)))
    if last_used_at is None or at - last_used_at >= USED_STEP:
        ApiKey.objects.filter(pk=pk).exclude(last_used_at__gt=at - USED_STEP).update(last_used_at=at)
    return Admitted(pk, tuple(scopes), source, retry_after)


def create_key(
    label: str,
    scopes: Sequence[str],
    *,
    actor: User | None,
    source: str = "",
    rate_per_minute: int = 6000,
    at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which nobody can read again."""
    demand(actor, "leads.add_apikey", to="make keys")
    unknown = set(scopes) - set(ApiKey.Scope.values)
    if unknown or not scopes:
        raise Invalid(
            "A key may do at least one known thing.",
            code="unknown_scope",
            field="scopes",
            value=sorted(unknown),
            expected=", ".join(ApiKey.Scope.values),
        )
    if rate_per_minute < 1:
        raise Invalid(
            "A key needs at least one request a minute.", code="bad_rate", field="rate_per_minute", value=rate_per_minute
        )
    prefix, secret = _secret()
    key = ApiKey.objects.create(
        label=label,
        prefix=prefix,
        digest=digest_of(secret),
        scopes=list(scopes),
        source=source,
        rate_per_minute=rate_per_minute,
        created_by=actor,
        created_at=at or clock.now(),
    )
    return key, secret


def rotate_key(key: ApiKey, *, actor: User | None, at: datetime | None = None) -> tuple[ApiKey, str]:
    """A second key like this one, so that the other system can change over before the old one is revoked."""
    demand(actor, "leads.add_apikey", to="make keys")
    return create_key(key.label, key.scopes, actor=actor, source=key.source, rate_per_minute=key.rate_per_minute, at=at)


def revoke_key(key: ApiKey, *, actor: User | None) -> ApiKey:
    """The key admits nobody from now on; what came in by it stays."""
    demand(actor, "leads.change_apikey", to="revoke keys")
    with transaction.atomic():
        ApiKey.objects.filter(pk=key.pk).update(active=False)
    key.active = False
    return key


def _secret() -> tuple[str, str]:
    prefix = f"acc_{secrets.token_hex(4)}"
    return prefix, f"{prefix}_{secrets.token_urlsafe(32)}"
