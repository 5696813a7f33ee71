"""The latest hand-off as the API shows it, for its document."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class LatestHandoff(BaseModel):
    """The latest hand-off of a lead to a rep."""

    model_config = ConfigDict(extra="forbid")
    id: int
    nth: int = Field(description="1 is the first hand-off of this lead.")
    state: str
    mqo: bool
    rep: str | None = Field(description="E-mail of the rep.")
    score: int | None
    opened_at: AwareDatetime
    offered_at: AwareDatetime | None
    answered_at: AwareDatetime | None
    due_at: AwareDatetime | None
    reason: str | None = Field(description="Code of the reason of a rejection.")
