"""What the intake is given and what it answers: the same for the API, imports and people's own entries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an item was refused, or what about it could not be used. `code` is stable; `message` is for people."""

    code: str
    field: str = ""
    value: object = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class IncomingOutcome:
    """What became of a lead, as another system tells it. `reason` is a code or label of `Reason`; without `at` it is told now."""

    outcome: str
    at: datetime | None = None
    reason: str = ""
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class IncomingActivity:
    """Something a lead did. `asset` is a key of `Asset`; the same `source` and `source_id` sent twice are one activity.

    Without a campaign it came by that of the item, unless it names one that nobody knows (`campaign_unknown`).
    """

    kind: str
    occurred_at: datetime
    asset: str = ""
    campaign_id: int | None = None
    campaign_unknown: bool = False
    source: str = ""
    source_id: str = ""
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Who:
    """The lead that something is about: by id, else e-mail, else another system's id. Keys of different leads are refused."""

    lead_id: int | None = None
    email: str = ""
    external: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A lead, or with kind "company" a company, as it came in: `values` by registry key, typed or as text; blank says nothing.

    Text is understood strictly (numbers with a decimal point, ISO dates); whoever knows a file's dialect reads it first.
    `occurred_at` is when this was said (else the moment of intake): the newest word on a field wins. `raw` is kept as it came.
    `problems` were found before the intake and refuse the item; `notes` only say what was left out.
    """

    kind: str = "lead"
    values: Mapping[str, object] = field(default_factory=dict)
    external: Mapping[str, str] = field(default_factory=dict)
    activities: Sequence[IncomingActivity] = ()
    outcome: IncomingOutcome | None = None
    source: str = ""
    campaign_id: int | None = None
    occurred_at: datetime | None = None
    raw: Mapping[str, object] = field(default_factory=dict)
    line: int | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class AboutLead:
    """An activity or an outcome of a lead that must be known already."""

    who: Who
    activity: IncomingActivity | None = None
    outcome: IncomingOutcome | None = None
    source: str = ""
    campaign_id: int | None = None
    raw: Mapping[str, object] = field(default_factory=dict)
    line: int | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an item: "created", "updated" (a fact changed), "attached" (known already) or "refused".

    `problems` say why it was refused, or what was left out of one that was not.
    """

    status: str
    lead_id: int | None = None
    submission_id: int | None = None
    problems: tuple[Problem, ...] = ()
    case_id: int | None = None
    is_new_case: bool = False  # the case was made by this batch
    company_id: int | None = None
    undated: bool = False  # its outcome came without a time: it counts as of the intake


MOST_AT_ONCE = 1000
