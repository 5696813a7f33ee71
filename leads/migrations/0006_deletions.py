from django.db import migrations, models

NOTE = """
CREATE FUNCTION leads_note_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO leads_deletion (kind, row_id, txid) SELECT TG_ARGV[0], id, txid_current() FROM gone;
    RETURN NULL;
END $$;
CREATE TRIGGER leads_lead_deletion AFTER DELETE ON leads_lead REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION leads_note_deletion('lead');
CREATE TRIGGER leads_case_deletion AFTER DELETE ON leads_case REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION leads_note_deletion('case');
"""
NOTE_NO_MORE = """
DROP TRIGGER leads_case_deletion ON leads_case;
DROP TRIGGER leads_lead_deletion ON leads_lead;
DROP FUNCTION leads_note_deletion();
"""


class Migration(migrations.Migration):
    dependencies = [("leads", "0005_known_values")]

    operations = [
        migrations.CreateModel(
            name="Deletion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("lead", "Lead"), ("case", "Case")], max_length=4)),
                ("row_id", models.BigIntegerField()),
                ("txid", models.BigIntegerField()),
            ],
            options={"indexes": [models.Index(fields=["txid"], name="deletion_txid")]},
        ),
        migrations.RunSQL(NOTE, NOTE_NO_MORE),
    ]
