"""What each kind of message says and when it has become pointless; the upper apps register theirs in `ready()`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leads.models import Outbox


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message in words. `url` is a path of the portal; `subject` carries no personal data, `title` may."""

    subject: str
    title: str
    text: str
    url: str = ""
    lines: tuple[tuple[str, str], ...] = ()  # (words, path) of a digest's parts
    action: str = "Open"


@dataclass(frozen=True, slots=True)
class Kind:
    """How rows of one kind are treated.

    `render` turns rows (several for a digest) into words from their payload alone; `still_valid` answers whether a row makes
    sense now; `handle` does a row of work inside the transaction that marks it done.
    """

    label: str
    render: Callable[[Sequence[Outbox]], Rendered] | None = None
    still_valid: Callable[[Outbox], bool] = lambda row: True
    handle: Callable[[Outbox], None] | None = None


kinds: dict[str, Kind] = {}


def register(name: str, kind: Kind) -> None:
    """Make a kind of message known; the last registration counts."""
    kinds[name] = kind
