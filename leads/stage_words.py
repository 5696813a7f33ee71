"""What each stage means, in words both sides share: shown wherever a stage is shown."""

from dataclasses import dataclass

from leads.choices import Stage


@dataclass(frozen=True, slots=True)
class StageWords:
    """`meaning` defines the stage, `owner` says whose turn it is, `leaves` what ends it."""

    meaning: str
    owner: str
    leaves: str


STAGE_WORDS: dict[Stage, StageWords] = {
    Stage.INQUIRY: StageWords(
        "Somebody who came in and cannot be reached yet, or has not been looked at.",
        "Marketing",
        "A usable e-mail address or phone number makes it a prospect.",
    ),
    Stage.PROSPECT: StageWords(
        "A person we can reach, whom marketing keeps informed.",
        "Marketing",
        "A score that meets the agreed criteria makes it an MQL.",
    ),
    Stage.MQL: StageWords(
        "Marketing qualified: the score meets the criteria both sides signed, and the lead is handed to sales.",
        "Marketing, until a rep answers",
        "A rep accepts it or rejects it with a reason; unanswered, it is recycled by the policy.",
    ),
    Stage.SAL: StageWords(
        "Sales accepted: a rep took it and owes the first attempt to reach the person.",
        "Sales",
        "A confirmed opportunity makes it an SQL; given up after the agreed attempts, it is recycled.",
    ),
    Stage.SQL: StageWords(
        "Sales qualified: a conversation confirmed an opportunity.",
        "Sales",
        "It is won or lost.",
    ),
    Stage.REJECTED: StageWords(
        "A rep said no and gave a reason; marketing reads it.",
        "Marketing",
        "Marketing's verdict: recycled, disqualified, or handed over again.",
    ),
    Stage.WON: StageWords(
        "The deal was won.",
        "Sales",
        "A new engagement that meets the criteria opens the next round.",
    ),
    Stage.LOST: StageWords(
        "The deal was lost.",
        "Sales",
        "A new engagement that meets the criteria opens the next round.",
    ),
    Stage.RECYCLED: StageWords(
        "Not now: back with marketing, with a date or a sign to wait for.",
        "Marketing",
        "The date it comes back on, or a new engagement that meets the criteria.",
    ),
    Stage.DISQUALIFIED: StageWords(
        "No lead for us: junk, a competitor, or decided by a person.",
        "Nobody",
        "Only a person brings it back.",
    ),
}
