"""The kinds of activity that leads had are remembered, so that the first of a kind can be told."""

from django.db import migrations, models

REMEMBER = "INSERT INTO leads_activitykind (key, since) SELECT kind, min(recorded_at) FROM leads_activity GROUP BY kind"


class Migration(migrations.Migration):
    dependencies = [("leads", "0007_case_history")]

    operations = [
        migrations.CreateModel(
            name="ActivityKind",
            fields=[
                ("key", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("since", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(REMEMBER, migrations.RunSQL.noop),
    ]
