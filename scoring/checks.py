"""What must be so for scores to be right, checked when the portal starts (`manage.py check --database default`).

Warnings only: an error would keep the very migration from running that puts things right.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError, connections

from leads.errors import Invalid


@register(Tags.database)
def check_versions(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Every version in force can be read, is what its hash says, and every field it names is still there."""
    if "default" not in (databases or ()):
        return []
    from scoring.compiler import stored_spec
    from scoring.models import ModelVersion

    if ModelVersion._meta.db_table not in connections["default"].introspection.table_names():
        return []  # before the first migration
    found: list[CheckMessage] = []
    try:
        active = list(ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE).select_related("model"))
    except DatabaseError as error:
        return [Warning(f"The scoring models cannot be read: {error}", id="scoring.W002")]
    for version in active:
        try:
            spec = stored_spec(version.pk, version.spec_hash)
        except Invalid as problem:
            hint = "Put a version into force that no longer asks for it."
            found.append(Warning(f"{version} cannot be judged: {problem.message}", hint=hint, id="scoring.W003"))
            continue
        if spec.hash != version.spec_hash:
            found.append(Warning(f"{version} is not what was agreed: its content has another hash.", id="scoring.W004"))
    return found


@register(Tags.compatibility)
def check_decay(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """This machine rounds the decay table as every other."""
    from scoring.decay import PINNED, checksum

    if checksum(range(1, 31)) == PINNED:
        return []
    return [Warning("The decay table of this machine differs: scores would, too.", id="scoring.W001")]
