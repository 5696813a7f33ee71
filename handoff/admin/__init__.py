"""The model pages of this layer, by what they are for."""

from handoff.admin import calendars, handoffs, policies, reps

__all__ = ["calendars", "handoffs", "policies", "reps"]
