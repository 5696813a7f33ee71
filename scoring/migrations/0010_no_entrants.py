from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("scoring", "0009_since_and_review")]

    operations = [migrations.DeleteModel("Entrant")]
