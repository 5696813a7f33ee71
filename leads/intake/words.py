"""What outcomes say, before anybody asks what that does: the reasons they name, and which of several words on one lead counts."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from leads.intake.incoming import IncomingOutcome, Problem
from leads.intake.reading import problem
from leads.lib.folding import fold
from leads.models import Reason

Key = TypeVar("Key")
_NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Word:
    """The outcome that counts for a lead; `number` counts, from 0, which of those told it is."""

    number: int
    outcome: IncomingOutcome


class Reasons:
    """The reasons that outcomes name, by code and label; no query when none is named."""

    def __init__(self, outcomes: Iterable[IncomingOutcome]) -> None:
        self._found: dict[str, Reason] = {}
        self._labels: dict[int, str] = {}
        if not any(outcome.reason for outcome in outcomes):
            return
        for reason in Reason.objects.order_by("-active", "position"):
            self._labels[reason.pk] = reason.label
            self._found.setdefault(fold(reason.code), reason)
            self._found.setdefault(fold(reason.label), reason)

    def of(self, outcome: IncomingOutcome) -> Reason | None:
        """The reason an outcome names, None for none and for one nobody knows."""
        return self._found.get(fold(outcome.reason)) if outcome.reason else None

    def label(self, pk: int | None) -> str | None:
        """What a reason is called, once any was named."""
        return self._labels.get(pk) if pk is not None else None

    def unknown(self, outcome: IncomingOutcome) -> tuple[Problem, ...]:
        """The note that there is no such reason."""
        if outcome.reason and self.of(outcome) is None:
            return (problem("unknown_reason", "outcome_reason", outcome.reason, "a known reason"),)
        return ()

    def last_words(self, told: Iterable[tuple[Key, IncomingOutcome]]) -> dict[Key, Word]:
        """Of several outcomes of one lead the newest counts, in whatever order they are told; one without a time is of now.

        At the same time, or without any, the last told counts. What it leaves blank an earlier one may have said.
        """
        last: dict[Key, Word] = {}
        in_time = sorted(enumerate(told), key=lambda one: (one[1][1].at is None, one[1][1].at or _NO_TIME))
        for number, (key, outcome) in in_time:
            before = last.get(key)
            last[key] = Word(number, outcome if before is None else self._after(before.outcome, outcome))
        return last

    def _after(self, before: IncomingOutcome, outcome: IncomingOutcome) -> IncomingOutcome:
        amount = outcome.amount if outcome.amount is not None else before.amount
        if outcome.outcome != before.outcome:
            return replace(outcome, amount=amount)
        known = self.of(outcome) is not None or self.of(before) is None
        return replace(outcome, amount=amount, at=outcome.at or before.at, reason=outcome.reason if known else before.reason)
