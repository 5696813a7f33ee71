from django.db import models


class DoorBucket(models.Model):
    """How many tries at the door one account or one address has left; shared by all processes."""

    key = models.CharField(max_length=64, primary_key=True)
    tokens = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        indexes = (
            # The purge of what is full again.
            models.Index(fields=("at",), name="doorbucket_age"),
        )

    def __str__(self) -> str:
        return f"{self.key[:8]}: {self.tokens:.0f}"
