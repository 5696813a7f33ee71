"""The webhook channel: what an endpoint is sent, what its answers mean, and when it is switched off."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.conf import settings

from leads import clock
from leads.models import Lane, Outbox, Webhook
from leads.notify.guard import RefusedAddress
from leads.notify.messages import INAPP, Message, enqueue
from leads.notify.posting import Answer, Unreachable, post
from leads.notify.registry import Kind, Rendered, events, kinds, register
from leads.notify.retries import LONGEST_RETRY_AFTER
from leads.notify.signing import signed_headers
from leads.notify.undelivered import Undelivered
from leads.sealing import Unreadable, unseal

if TYPE_CHECKING:
    from collections.abc import Mapping

SWITCHED_OFF = "leads.webhook_off"
TEST = "accord.test"
LONGEST_BODY = 20_000
SILENT_FOR = timedelta(hours=72)
PRIVATE = frozenset({"event", "epoch"})  # of a payload: ours alone
BUSY = (429, 503)


class ToEndpoint:
    """Posts one message to the endpoint its row names."""

    def send(self, rows: Sequence[Outbox]) -> dict[str, Any]:
        row = rows[0]
        webhook = Webhook.objects.get(pk=int(row.endpoint))
        body = body_of(row, webhook.form)
        if len(body) > LONGEST_BODY:
            raise Undelivered(f"the message has {len(body)} bytes, {LONGEST_BODY} may be sent", final=True, own=True)
        try:
            url = unseal(webhook.sealed_url)
            headers = {"Content-Type": "application/json", "User-Agent": "Accord-Webhook/1", "Accept": "*/*"}
            if webhook.form == Webhook.Form.GENERIC:
                headers |= signed_headers(secrets_of(webhook), message_id(row), clock.now(), body)
            answer = post(url, body, headers)
        except RefusedAddress as error:
            raise Undelivered(str(error), final=True) from error
        except Unreadable as error:  # the operator's to put right; until then nothing is lost
            raise Undelivered(str(error), lane=True) from error
        except Unreachable as error:
            raise Undelivered(str(error), lane=error.at_all) from error
        return understood(answer)


def understood(answer: Answer) -> dict[str, Any]:
    """What the log keeps of an attempt that succeeded; `Undelivered` with what any other answer means."""
    facts = {"status": answer.status, "ms": answer.ms, "excerpt": answer.excerpt}
    if 200 <= answer.status < 300:
        return facts
    if answer.status == 410:
        raise Undelivered("410: wants no more messages", final=True, gone=True, facts=facts)
    words = f"{answer.status}: leads elsewhere, which is not followed" if 300 <= answer.status < 400 else str(answer.status)
    wait = retry_after(answer.retry_after, clock.now()) if answer.status in BUSY else None
    raise Undelivered(words, retry_after=wait, facts=facts)


def retry_after(header: str, now: datetime) -> timedelta | None:
    """A Retry-After, in seconds or as a date, obeyed up to an hour; None when it says nothing to be understood."""
    text = header.strip()
    if text.isascii() and text.isdecimal() and len(text) < 10:
        wait = timedelta(seconds=int(text))
    else:
        try:
            wait = parsedate_to_datetime(text) - now
        except (ValueError, TypeError):  # no date, or one without a zone
            return None
    return min(wait, LONGEST_RETRY_AFTER) if wait > timedelta(0) else None


def message_id(row: Outbox) -> str:
    """`webhook-id`: the same for every repeat, and for a message sent again by hand."""
    return f"msg_{sha256(row.key.encode()).hexdigest()[:32]}"


def secrets_of(webhook: Webhook) -> list[str]:
    """The secrets to sign with: the present one, and the one before it until the other side has changed over."""
    valid = [unseal(webhook.sealed_secret)]
    if webhook.old_secret_until is not None and clock.now() < webhook.old_secret_until:
        valid.append(unseal(webhook.sealed_old_secret))
    return valid


def body_of(row: Outbox, form: str) -> bytes:
    """The bytes of a message, the same at every repeat."""
    render = kinds[row.kind].render
    if render is None:
        raise Undelivered("no words for it", final=True, own=True)
    rendered = render([row])
    url = f"{settings.SITE_URL}{rendered.url}" if rendered.url else ""
    if form == Webhook.Form.SLACK:
        lines = [f"*{_slack(rendered.title)}*", _slack(rendered.text), f"<{url}|{_slack(rendered.action)}>" if url else ""]
        content: Mapping[str, Any] = {"text": "\n".join(line for line in lines if line)}
    else:
        data = {name: value for name, value in row.payload.items() if name not in PRIVATE}
        content = {
            "type": row.payload["event"],
            "timestamp": row.created_at.isoformat(),
            "data": {**data, "title": rendered.title, "text": rendered.text, "url": url},
        }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _slack(words: str) -> str:
    """Slack reads &, < and > as its own marks; nothing a lead is called becomes a link or calls everybody in a channel."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def is_on(row: Outbox) -> bool:
    """Whether the endpoint of a row, if it has one, still wants messages. A test goes out in any case."""
    if not row.endpoint:
        return True
    wanted = Webhook.objects.filter(pk=int(row.endpoint))
    return wanted.exists() if row.kind == TEST else wanted.filter(active=True).exists()


def after_failure(row: Outbox, failure: Undelivered, at: datetime) -> None:
    """Switch off an endpoint that says it is gone, or that has not taken a message for three days; tell who made it."""
    if not row.endpoint:
        return
    webhook = Webhook.objects.get(pk=int(row.endpoint))
    if failure.gone:
        switch_off(webhook, "It answered 410: it wants no more messages.", at=at)
        return
    last_ok = Lane.objects.filter(pk=webhook.lane).values_list("last_ok_at", flat=True).first()
    if at - max(filter(None, (last_ok, webhook.on_since))) >= SILENT_FOR:
        switch_off(webhook, f"It took no message for three days. Last: {failure.reason}"[:300], at=at)


def switch_off(webhook: Webhook, reason: str, *, at: datetime) -> None:
    """No more messages for it; who made it reads why in the portal."""
    if not Webhook.objects.filter(pk=webhook.pk, active=True).update(active=False, off_reason=reason):
        return
    if webhook.created_by_id is not None:
        payload = {"webhook": webhook.pk, "name": webhook.name, "reason": reason}
        key = f"{SWITCHED_OFF}:{webhook.pk}:{int(at.timestamp())}"
        enqueue([Message(key, SWITCHED_OFF, INAPP, payload, recipient_id=webhook.created_by_id)], at=at)


def _switched_off(rows: Sequence[Outbox]) -> Rendered:
    payload = rows[0].payload
    title = f"Webhook {payload['name']} is switched off"
    return Rendered("A webhook is switched off", title, payload["reason"], f"/setup/leads/webhook/{payload['webhook']}/change/")


def _test(rows: Sequence[Outbox]) -> Rendered:
    payload = rows[0].payload
    return Rendered("A test", f"Test from Accord by {payload['actor']}", "If you can read this, messages arrive here.", "/")


def register_kinds() -> None:
    """Make the outbox know what this channel tells; called once, when the app is ready."""
    events[TEST] = "Test"
    register(SWITCHED_OFF, Kind("Webhook switched off", _switched_off))
    register(TEST, Kind("Test", _test))
