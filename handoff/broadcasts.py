"""What other systems are told of a hand-off's moves, whoever made them: one message for each endpoint that wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from handoff.models import Handoff, HandoffEvent
from handoff.states import DONE, UNDO
from leads.models import Outbox, Webhook
from leads.notify.messages import WEBHOOK, Message, enqueue
from leads.notify.registry import Kind, Rendered, events, register

KIND = "handoff.event"
# By verb: the name other systems get and the words people choose it by.
EVENTS = {
    "offer": ("handoff.offered", "A lead is offered to a rep"),
    "reassign": ("handoff.offered", ""),
    "accept": ("handoff.accepted", "A rep accepts"),
    "reject": ("handoff.rejected", "A rep rejects, with the reason"),
    "attempt": ("handoff.attempted", "A rep tries to reach the person"),
    "convert": ("handoff.converted", "A lead is converted"),
    "win": ("handoff.won", "Won"),
    "lose": ("handoff.lost", "Lost, with the reason"),
    "give_up": ("handoff.recycled", "Back to nurture: given up or never answered"),
    "expire": ("handoff.recycled", ""),
    "recycle": ("handoff.recycled", ""),
    "dispute": ("handoff.disputed", "Marketing disputes a rejection"),
    "withdraw": ("handoff.withdrawn", "A hand-off is withdrawn"),
}
STEPS = {
    "handoff.due_soon": "A deadline comes near",
    "handoff.overdue": "A deadline has passed",
    "handoff.escalated": "A manager is told of a deadline that has passed",
}
# An answer can be taken back for a moment: it is told when that is over.
REVOCABLE = ("accept", "reject")


def tell(moves: Sequence[HandoffEvent]) -> None:
    """Put moves on their way to the endpoints that want them, in the caller's transaction; one small query when there are none."""
    names = {EVENTS[move.verb][0] for move in moves if move.verb in EVENTS}
    if names and Webhook.objects.filter(active=True, events__overlap=list(names)).exists():
        told = [move for move in moves if move.verb in EVENTS]
        enqueue([_message(move) for move in told], at=told[0].at)


def _message(move: HandoffEvent) -> Message:
    return Message(
        key=f"event:{move.pk}", kind=KIND, channel=WEBHOOK, payload=_payload(move.handoff, move), handoff_id=move.handoff_id,
        epoch=move.handoff.epoch, due_at=move.at + UNDO if move.verb in REVOCABLE else None,
    )  # fmt: skip


def _payload(handoff: Handoff, event: HandoffEvent) -> dict[str, Any]:
    lead, owner = handoff.lead, handoff.owner
    detail = event.detail if isinstance(event.detail, dict) else {}
    payload = {
        "event": EVENTS[event.verb][0], "verb": event.verb, "handoff": handoff.pk, "lead_id": lead.pk, "lead": lead.name,
        "company": str(lead.company) if lead.company_id and lead.company else "", "score": handoff.score, "state": event.target,
        "why": handoff.headline, "owner": str(owner) if owner else "", "owner_email": owner.email if owner else "",
        "actor": str(event.actor) if event.actor else "Accord", "due": handoff.due_at.isoformat() if handoff.due_at else None,
    }  # fmt: skip
    if handoff.reason_id and event.verb in ("reject", "dispute"):
        assert handoff.reason is not None
        payload |= {"reason": handoff.reason.label, "reason_code": handoff.reason.code, "note": handoff.note}
    elif detail.get("reason"):
        payload["reason"] = str(detail["reason"])
    return payload


def _rendered(rows: Sequence[Outbox]) -> Rendered:
    payload = rows[0].payload
    who = f"{payload['lead']}, {payload['company']}" if payload["company"] else payload["lead"]
    done = DONE.get(payload["verb"], payload["verb"])
    to = f" to {payload['owner']}" if payload["verb"] in ("offer", "reassign") and payload["owner"] else ""
    why = f": {payload['reason']}" if payload.get("reason") else ""
    note = f" “{payload['note']}”" if payload.get("note") else ""
    text = f"{payload['score']} points. {payload['why']}".strip() if payload["verb"] in ("offer", "reassign") else ""
    return Rendered(
        f"A hand-off was {payload['event'].partition('.')[2]}", f"{payload['actor']} {done} {who}{to}{why}{note}", text,
        f"/handoffs/{payload['handoff']}/", action="Open the packet",
    )  # fmt: skip


def _stands(row: Outbox) -> bool:
    """An answer that was taken back is not told."""
    if row.payload["verb"] not in REVOCABLE:
        return True
    undone = HandoffEvent.objects.filter(handoff_id=row.handoff_id or 0, verb="undo")
    return not undone.filter(at__gte=row.created_at, at__lte=row.created_at + UNDO).exists()


def register_events() -> None:
    """Make the outbox know what other systems can be told of; called once, when the app is ready."""
    events.update({name: label for name, label in EVENTS.values() if label} | STEPS)
    register(KIND, Kind("Event", _rendered, _stands))
