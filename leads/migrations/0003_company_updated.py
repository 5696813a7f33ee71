from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("leads", "0002_database_rules")]

    operations = [
        migrations.AddField("company", "updated_at", models.DateTimeField(editable=False, null=True)),
        migrations.RunSQL("UPDATE leads_company SET updated_at = created_at", migrations.RunSQL.noop),
        migrations.AlterField("company", "updated_at", models.DateTimeField(editable=False)),
    ]
