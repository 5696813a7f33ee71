from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models

from leads.choices import FieldType, Known


class LeadField(models.Model):
    """A company's own field of its leads: typed, and usable in criteria, filters, packets and exports like a built-in one.

    `key` and `type` never change; values live in `Lead.attributes` under the key, absent where not known.
    """

    key = models.CharField(
        max_length=40,
        unique=True,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]{0,39}$", "Small letters, digits and _ only, a letter first.")],
        help_text="Used in imports and the API; never changes.",
    )
    label = models.CharField(max_length=80)
    help = models.CharField(max_length=200, blank=True)
    type = models.CharField(max_length=8, choices=FieldType.choices)
    choices = ArrayField(models.CharField(max_length=120), default=list, blank=True, help_text="For lists: the values, in order.")
    known = models.CharField(
        "when known",
        max_length=8,
        choices=Known.choices,
        default=Known.INTAKE,
        help_text="What is learnt only after contact cannot be scored.",
    )
    personal = models.BooleanField(
        "personal data", default=False, help_text="Never enters the preview's files; erased with the person."
    )
    active = models.BooleanField(default=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "custom field"
        ordering = ("position", "label", "pk")
        constraints = (
            models.CheckConstraint(condition=models.Q(key__regex=r"^[a-z][a-z0-9_]{0,39}$"), name="leadfield_key_shape"),
        )

    def __str__(self) -> str:
        return self.label
