"""Which version another one is read against, on every page that sets two of them side by side."""

from scoring.models import Activation, ModelVersion

_CAME = (Activation.Step.SETTLING, Activation.Step.SETTLED)


def read_against(version: ModelVersion) -> ModelVersion | None:
    """What is in force, or of one that is or was in force itself the version it replaced, else the latest before it.

    None where the model has no other.
    """
    others = version.model.versions.exclude(pk=version.pk).select_related("model").order_by("-no")
    came = version.activations.filter(step__in=_CAME).select_related("from_version__model").order_by("at", "pk").first()
    if came is not None:
        return came.from_version or others.filter(no__lt=version.no).first()
    active = others.filter(status=ModelVersion.Status.ACTIVE).first()
    return active or others.filter(no__lt=version.no).first()
