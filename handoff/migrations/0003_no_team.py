"""A hand-off has no team of its own, and a promise runs on the policy's calendar or the owner's."""

from django.db import migrations, models

ON_THE_POLICYS = "UPDATE handoff_slatarget SET calendar_from = 'policy' WHERE calendar_from = 'team'"


class Migration(migrations.Migration):
    dependencies = [("handoff", "0002_database_rules")]

    operations = [
        migrations.RemoveField(model_name="handoff", name="team"),
        migrations.AlterField(
            model_name="slapolicy",
            name="scope",
            field=models.JSONField(blank=True, default=dict, help_text="Which hand-offs: tier, source, product. Empty: all."),
        ),
        migrations.RunSQL(ON_THE_POLICYS, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="slatarget",
            name="calendar_from",
            field=models.CharField(choices=[("policy", "The policy's"), ("owner", "The owner's")], default="owner", max_length=6),
        ),
    ]
