"""The model pages of this layer, by what they are for."""

from handoff.admin import calendars, handoffs, policies, promises, reps

__all__ = ["calendars", "handoffs", "policies", "promises", "reps"]
