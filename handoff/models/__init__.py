from handoff.models.calendar import CalendarDay, Leave, Rep, WorkCalendar
from handoff.models.handoff import Attempt, Handoff, HandoffEvent, HandoffQuerySet, Packet, RejectionReview
from handoff.models.policy import SlaPolicy, SlaStep, SlaTarget
from handoff.models.sla import SlaEvent, SlaTimer

__all__ = [
    "Attempt",
    "CalendarDay",
    "Handoff",
    "HandoffEvent",
    "HandoffQuerySet",
    "Leave",
    "Packet",
    "RejectionReview",
    "Rep",
    "SlaEvent",
    "SlaPolicy",
    "SlaStep",
    "SlaTarget",
    "SlaTimer",
    "WorkCalendar",
]
