"""Who may do what to leads, asked by the verbs themselves. `actor` None is the portal: rules, imports, the worker.

The verbs ask what a person may do; which leads they may do it to is decided where the lead is loaded, by `visible_to`.
"""

from leads.errors import NotAllowed
from leads.models import User


def demand(actor: User | None, *permissions: str, to: str) -> None:
    """Refuse a person who holds none of `permissions`; `to` says in words what they wanted to do."""
    if actor is None:
        return
    if not actor.is_active or not any(actor.has_perm(name) for name in permissions):
        raise NotAllowed(f"You may not {to}.")
