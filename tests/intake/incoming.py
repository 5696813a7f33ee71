"""Items as the intake gets them, for tests."""

from typing import Any

from leads.intake.incoming import Incoming


def person(email: str = "ivy.okafor@okafor-werke.de", **values: Any) -> Incoming:
    """A lead by e-mail; other values by registry key with `__` for the dot, other parts of the item by their own names."""
    parts = {
        name: values.pop(name)
        for name in ("external", "activities", "outcome", "source", "campaign_id", "occurred_at", "raw", "line", "problems")
        if name in values
    }
    said = {key.replace("__", "."): value for key, value in values.items()}
    if email:
        said["lead.email"] = email
    return Incoming(values=said, raw=parts.pop("raw", {**said}), **parts)


def company(name: str = "", domain: str = "", **values: Any) -> Incoming:
    said = {f"company.{key}": value for key, value in {"name": name, "domain": domain, **values}.items()}
    return Incoming(kind="company", values=said, raw=said)
