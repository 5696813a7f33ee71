"""The fields a criterion may ask about: core lead and company fields from code, and the custom fields people define."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from leads.choices import FieldType, Known


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the registry. `choices` are (key, label); `active` is off for a custom field that is no longer offered."""

    key: str
    label: str
    type: FieldType
    choices: tuple[tuple[str, str], ...] = ()
    known: Known = Known.INTAKE
    personal: bool = False
    active: bool = True

    @property
    def owner(self) -> str:
        """`lead`, `company` or `custom`: where the value lives."""
        return self.key.partition(".")[0]

    @property
    def name(self) -> str:
        """The key without its owner: the column, or the key within the custom fields."""
        return self.key.partition(".")[2]

    def choice_label(self, key: str) -> str:
        """How people read a value: a choice by its label, a folded code or domain spelled as usual."""
        return dict(self.choices).get(key) or spelled(self.key, key)


def spelled(field_key: str, value: str) -> str:
    """A folded value as people write it: countries in capitals, a domain of two words with its dot; folded again it is the same.

    A blank in a longer domain may have been a hyphen, so those stay as they are.
    """
    if field_key.endswith(".country"):
        return value.upper()
    if field_key.endswith("domain") and value.count(" ") == 1:
        return value.replace(" ", ".")
    return value


def plain_tag(tag: str) -> str:
    """A tag as it is compared: however it was typed, in small letters and without blanks around it."""
    return tag.strip().lower()


def _no_values(key: str, rev: int) -> frozenset[str] | None:
    return None


@dataclass(frozen=True, slots=True)
class Registry:
    """All a spec may name: fields, activity kinds (key to label, those with words), value lists with their latest revision.

    `list_values` answers the folded values of a list's revision, None when there is no such revision; revisions never change.
    `tagged` are the assets that bear each tag now; None where only what was frozen is read, which names them itself.
    """

    fields: Mapping[str, Field]
    kinds: Mapping[str, str] = field(default_factory=dict)
    latest_lists: Mapping[str, int] = field(default_factory=dict)
    list_values: Callable[[str, int], frozenset[str] | None] = _no_values
    tagged: Mapping[str, tuple[int, ...]] | None = None

    @property
    def hash(self) -> str:
        """Changes when the meaning of stored facts does: keys and types, not labels, choices or what is offered."""
        text = "\n".join(sorted(f"{one.key}:{one.type}" for one in self.fields.values()))
        return sha256(text.encode()).hexdigest()


def by_key(fields: Iterable[Field]) -> dict[str, Field]:
    return {one.key: one for one in fields}
