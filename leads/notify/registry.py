"""What each kind of message says and when it has become pointless; the upper apps register theirs in `ready()`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    # Paths by which the recipient answers from the mail itself, with their words; of a digest one for each line.
    answers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """How rows of one kind are treated.

    `render` turns rows (several for a digest) into words from their payload alone; `still_valid` answers whether a row makes
    sense now; `handle` does a row of work inside the transaction that marks it done. `sample` is an invented payload, for the
    kinds that are sent by mail: what their texts are tried on while there is no real message.
    """

    label: str
    render: Callable[[Sequence[Outbox]], Rendered] | None = None
    still_valid: Callable[[Outbox], bool] = lambda row: True
    handle: Callable[[Outbox], None] | None = None
    sample: Mapping[str, object] | None = None


kinds: dict[str, Kind] = {}
# What other systems can be told of: the name they get and the words people choose it by.
events: dict[str, str] = {}


def register(name: str, kind: Kind) -> None:
    """Make a kind of message known; the last registration counts."""
    kinds[name] = kind
