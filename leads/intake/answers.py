"""A request sent again under the same Idempotency-Key gets the answer once given and does nothing a second time."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import connection, transaction

from leads.errors import Conflict, Invalid
from leads.models import IdempotentAnswer

LONGEST_KEY = 200
KEPT = timedelta(days=1)
_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%s)"
_FORGET = """
DELETE FROM leads_idempotentanswer WHERE id IN (
    SELECT id FROM leads_idempotentanswer WHERE created_at < %s ORDER BY created_at LIMIT 20 FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and JSON body of an answer; `is_repeat` when it was given before."""

    status: int
    body: dict[str, Any]
    is_repeat: bool = False


def answer_once(key_id: int, key: str, request: bytes, at: datetime, work: Callable[[], Answer]) -> Answer:
    """The answer of `work`, done in the same transaction that remembers it, or the one remembered.

    Without a key the work is simply done. Conflict while the same key is being worked on; Invalid when the key was
    used for another request. Answers are kept for a day.
    """
    if not key:
        return work()
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Invalid(
            f"An Idempotency-Key has at most {LONGEST_KEY} characters that can be shown.",
            code="bad_idempotency_key",
            field="Idempotency-Key",
            expected=f"1 to {LONGEST_KEY} characters",
        )
    fingerprint = sha256(request).hexdigest()
    lock = int.from_bytes(sha256(f"{key_id}:{key}".encode("utf-8", "replace")).digest()[:8], "big", signed=True)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_TRY_LOCK, [lock])
            if cursor.fetchone() != (True,):
                raise Conflict("A request with this Idempotency-Key is being worked on.", code="idempotency_in_progress")
            cursor.execute(_FORGET, [at - KEPT])
        IdempotentAnswer.objects.filter(api_key_id=key_id, key=key, created_at__lt=at - KEPT).delete()
        known = IdempotentAnswer.objects.filter(api_key_id=key_id, key=key).first()
        if known is not None:
            if known.request_hash != fingerprint:
                raise Invalid(
                    "This Idempotency-Key was used for another request.",
                    code="idempotency_key_reused",
                    field="Idempotency-Key",
                    value=key,
                    expected="a new key for each request",
                )
            return Answer(known.status or 200, known.body or {}, is_repeat=True)
        answer = work()
        # As it was sent: a dictionary read back from JSON keeps what JSON can say.
        body = json.loads(json.dumps(answer.body))
        IdempotentAnswer.objects.create(
            api_key_id=key_id, key=key, request_hash=fingerprint, status=answer.status, body=body, created_at=at
        )
    return answer
