"""The score as the API shows it, for its document."""

from pydantic import BaseModel, ConfigDict, Field


class ScoreLine(BaseModel):
    """One line of a score; the points of all lines of a dimension sum to it."""

    model_config = ConfigDict(extra="forbid")
    kind: str = Field(examples=["criterion"])
    dimension: str = Field(examples=["fit"])
    key: str
    words: str
    points: int | None
    sub: str | None


class Score(BaseModel):
    """What the first model in force says of a lead now."""

    model_config = ConfigDict(extra="forbid")
    model: str
    version: int
    fit: int
    engagement: int
    total: int
    tier: str | None
    mql: bool
    mqo: bool
    gate: str | None = Field(description="What keeps the lead back, whatever its points.")
    lines: list[ScoreLine]
