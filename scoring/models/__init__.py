from scoring.models.model import (
    Criterion,
    CriterionGroup,
    Dimension,
    DraftEvent,
    Gate,
    ModelResearch,
    ModelVersion,
    ScoringModel,
)
from scoring.models.sample import SampleLead, SampleVerdict
from scoring.models.score import FLAG_GATED, FLAG_MQL, FLAG_MQO, LeadScore, LeadState, Mark, Qualification, ScoreChange
from scoring.models.signing import Activation, Evidence, PreviewReport, SignOff, VersionEvent
from scoring.models.talk import CriterionComment, CriterionExample, CriterionView, Presence, Question, TalkEvent

__all__ = [
    "FLAG_GATED",
    "FLAG_MQL",
    "FLAG_MQO",
    "Activation",
    "Criterion",
    "CriterionComment",
    "CriterionExample",
    "CriterionGroup",
    "CriterionView",
    "Dimension",
    "DraftEvent",
    "Evidence",
    "Gate",
    "LeadScore",
    "LeadState",
    "Mark",
    "ModelResearch",
    "ModelVersion",
    "Presence",
    "PreviewReport",
    "Qualification",
    "Question",
    "SampleLead",
    "SampleVerdict",
    "ScoreChange",
    "ScoringModel",
    "SignOff",
    "TalkEvent",
    "VersionEvent",
]
