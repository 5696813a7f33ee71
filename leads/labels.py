"""What people call a registry key: the one list for messages and for the history of changes."""

from collections.abc import Mapping

from leads.facts import CORE_FIELDS

LABELS: dict[str, str] = {
    **{field.key: field.label for field in CORE_FIELDS},
    "lead.first_name": "First name",
    "lead.last_name": "Last name",
    "lead.email": "E-mail",
    "lead.phone": "Phone",
    "lead.opt_out": "Opted out",
    "lead.stage": "Stage",
    "lead.owner": "Owner",
    "source": "Source",
    "external": "System of the id",
    "occurred_at": "When it happened",
    "kind": "Kind of activity",
    "asset": "Asset",
    "source_id": "Id of the event",
    "outcome": "Outcome",
    "outcome_at": "Outcome on",
    "outcome_reason": "Reason",
    "amount": "Amount",
    "reason": "Reason",
}


def label_of(key: str, labels: Mapping[str, str] = LABELS) -> str:
    """The label of a key, of one that is no longer known its last part in words; a place in a list stays as it is."""
    if "[" in key:
        return key
    if key.startswith("external."):
        return f"Id in {key.partition('.')[2]}"
    return labels.get(key) or key.partition(".")[2].replace("_", " ").capitalize() or key
