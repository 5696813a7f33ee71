"""The database knows the kinds of qualification."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0005_activation_job"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="qualification",
            constraint=models.CheckConstraint(condition=models.Q(("kind__in", ("mql", "mqo"))), name="qualification_kind_known"),
        ),
    ]
