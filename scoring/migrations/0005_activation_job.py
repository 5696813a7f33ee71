import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0002_database_rules"),
        ("scoring", "0004_workshop"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="activation",
            name="job",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="leads.job"
            ),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="kept_since",
            field=models.DateTimeField(
                blank=True, help_text="Since when its scores are kept up to date although it is only proposed.", null=True
            ),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="trial_since",
            field=models.DateTimeField(blank=True, help_text="Since when it runs beside the version in force.", null=True),
        ),
        migrations.AlterField(
            model_name="activation",
            name="at",
            field=models.DateTimeField(help_text="When it came into force; before that, when it was asked for."),
        ),
        migrations.AlterField(
            model_name="activation",
            name="step",
            field=models.PositiveSmallIntegerField(
                choices=[
                    (0, "In force, its history being written"),
                    (1, "In force"),
                    (2, "Planned"),
                    (3, "Being prepared"),
                    (4, "Stopped"),
                    (5, "Called off"),
                ],
                default=3,
            ),
        ),
        migrations.AlterField(
            model_name="versionevent",
            name="verb",
            field=models.CharField(
                choices=[
                    ("proposed", "proposed it"),
                    ("signed", "signed"),
                    ("objected", "asked for a change"),
                    ("taken_back", "took it back to edit it"),
                    ("returned", "returned to an earlier version"),
                    ("activated", "put it into force"),
                    ("tried", "began a trial run"),
                    ("trial_ended", "ended the trial run"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="activation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("step__in", (2, 3))), fields=("version",), name="activation_one_open"
            ),
        ),
    ]
