"""A hand-off knows when its person was first reached; trying is not reaching."""

from django.db import migrations, models

# What was logged since the lead is with whoever has it, and every conversion.
REACHED = """
UPDATE handoff_handoff h SET reached_at = COALESCE(
    (SELECT min(a.at) FROM handoff_attempt a WHERE a.handoff_id = h.id AND a.result = 'reached' AND a.at >= h.offered_at),
    h.converted_at)
WHERE h.contacted_at IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [
        ("handoff", "0003_no_team"),
    ]

    operations = [
        migrations.AddField(
            model_name="handoff",
            name="reached_at",
            field=models.DateTimeField(blank=True, help_text="The first attempt that reached the person.", null=True),
        ),
        migrations.AlterField(
            model_name="handoff",
            name="contacted_at",
            field=models.DateTimeField(blank=True, help_text="The first attempt, reached or not.", null=True),
        ),
        migrations.AlterField(
            model_name="handoff",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "Waiting for a rep"),
                    ("offered", "Offered"),
                    ("accepted", "Accepted"),
                    ("contacted", "Attempted"),
                    ("converted", "Converted"),
                    ("rejected", "Rejected"),
                    ("recycled", "Recycled"),
                    ("closed", "Closed"),
                ],
                default="queued",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="slatarget",
            name="kind",
            field=models.CharField(
                choices=[
                    ("offer", "Offer to a rep"),
                    ("accept", "Accept or reject"),
                    ("first_contact", "First attempt"),
                    ("mqo_followup", "MQO follow-up"),
                    ("review", "Review of a rejection"),
                    ("dispute", "Settle a dispute"),
                ],
                max_length=14,
            ),
        ),
        migrations.AlterField(
            model_name="slatimer",
            name="kind",
            field=models.CharField(
                choices=[
                    ("offer", "Offer to a rep"),
                    ("accept", "Accept or reject"),
                    ("first_contact", "First attempt"),
                    ("mqo_followup", "MQO follow-up"),
                    ("review", "Review of a rejection"),
                    ("dispute", "Settle a dispute"),
                ],
                max_length=14,
            ),
        ),
        migrations.RunSQL(REACHED, migrations.RunSQL.noop),
    ]
