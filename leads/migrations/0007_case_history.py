from django.db import migrations, models

# One statement each, for however many rows; planned anew each time, as one row and a million want other plans.
NOTE = """
CREATE FUNCTION leads_note_late_activity() RETURNS trigger LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    INSERT INTO leads_deletion (kind, row_id, txid)
    SELECT DISTINCT 'late', c.id, txid_current()
    FROM fresh AS a JOIN leads_case AS c
        ON c.lead_id = a.lead_id AND c.has_activity AND c.decided_at >= greatest(a.occurred_at, a.known_at);
    RETURN NULL;
END $$;
CREATE TRIGGER leads_late_activity AFTER INSERT ON leads_activity REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION leads_note_late_activity();

CREATE FUNCTION leads_note_lost_activity() RETURNS trigger LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    INSERT INTO leads_deletion (kind, row_id, txid)
    SELECT DISTINCT 'late', c.id, txid_current() FROM gone AS a JOIN leads_case AS c ON c.lead_id = a.lead_id AND c.has_activity;
    RETURN NULL;
END $$;
CREATE TRIGGER leads_lost_activity AFTER DELETE ON leads_activity REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION leads_note_lost_activity();

CREATE FUNCTION leads_case_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.txid := txid_current();
    RETURN NEW;
END $$;
CREATE TRIGGER leads_case_written BEFORE UPDATE ON leads_case FOR EACH ROW EXECUTE FUNCTION leads_case_written();
"""
NOTE_NO_MORE = """
DROP TRIGGER leads_case_written ON leads_case;
DROP FUNCTION leads_case_written();
DROP TRIGGER leads_lost_activity ON leads_activity;
DROP FUNCTION leads_note_lost_activity();
DROP TRIGGER leads_late_activity ON leads_activity;
DROP FUNCTION leads_note_late_activity();
"""


class Migration(migrations.Migration):
    dependencies = [("leads", "0006_deletions")]

    operations = [
        migrations.AlterField(
            model_name="deletion",
            name="kind",
            field=models.CharField(choices=[("lead", "Lead"), ("case", "Case"), ("late", "Late")], max_length=4),
        ),
        migrations.RunSQL(NOTE, NOTE_NO_MORE),
    ]
