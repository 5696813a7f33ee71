"""The database refuses states and kinds that nobody knows, costs below nothing, and a reason under itself."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0004_notices"),
    ]

    operations = [
        migrations.RunSQL("UPDATE leads_reason SET parent_id = NULL WHERE parent_id = id", migrations.RunSQL.noop),
        migrations.RemoveIndex(
            model_name="case",
            name="case_decided",
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=models.Q(("cost__gte", 0)),
                name="campaign_cost_not_negative",
                violation_error_message="A campaign costs nothing or more, never less.",
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["decision", "closed", "imported"])), name="case_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["unknown", "rejected", "working", "lost", "won", "closed_unworked"])),
                name="case_outcome_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.CheckConstraint(condition=models.Q(("basis__in", ["decision", "import"])), name="case_basis_known"),
        ),
        migrations.AddConstraint(
            model_name="importrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ("uploaded", "mapped", "checked", "running", "stopped", "done", "failed", "undone"))
                ),
                name="importrun_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ("queued", "running", "stopped", "done", "failed"))), name="job_state_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="reason",
            constraint=models.CheckConstraint(
                condition=models.Q(("parent", models.F("pk")), _negated=True), name="reason_not_its_own_parent"
            ),
        ),
        migrations.AddConstraint(
            model_name="submission",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ("created", "updated", "attached", "refused"))), name="submission_status_known"
            ),
        ),
    ]
