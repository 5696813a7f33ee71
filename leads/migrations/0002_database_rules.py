"""Rules the database keeps by itself: decided cases and list revisions do not change."""

from django.db import migrations

FREEZE_CASE = """
CREATE FUNCTION leads_case_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.lead_id, NEW.kind, NEW.decided_at, NEW.engagement_from, NEW.basis, NEW.has_activity, NEW.score)
       IS DISTINCT FROM
       (OLD.id, OLD.lead_id, OLD.kind, OLD.decided_at, OLD.engagement_from, OLD.basis, OLD.has_activity, OLD.score)
    THEN
        RAISE EXCEPTION 'a case is frozen: only its outcome may change' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- Erasure may take keys out of the facts, nothing may add or change one.
    IF NEW.facts IS DISTINCT FROM OLD.facts AND NOT (OLD.facts @> NEW.facts) THEN
        RAISE EXCEPTION 'the facts of a case are frozen' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER leads_case_frozen BEFORE UPDATE ON leads_case FOR EACH ROW EXECUTE FUNCTION leads_case_frozen();
"""
UNFREEZE_CASE = "DROP TRIGGER leads_case_frozen ON leads_case; DROP FUNCTION leads_case_frozen();"

FREEZE_LIST = """
CREATE FUNCTION leads_valuelistrevision_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a revision of a list never changes' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER leads_valuelistrevision_frozen BEFORE UPDATE ON leads_valuelistrevision
    FOR EACH ROW EXECUTE FUNCTION leads_valuelistrevision_frozen();
"""
UNFREEZE_LIST = """
DROP TRIGGER leads_valuelistrevision_frozen ON leads_valuelistrevision; DROP FUNCTION leads_valuelistrevision_frozen();
"""

TUNE = """
ALTER TABLE leads_leadrevision SET (fillfactor = 70);
ALTER TABLE leads_outbox SET (autovacuum_vacuum_scale_factor = 0.02);
"""
UNTUNE = """
ALTER TABLE leads_leadrevision RESET (fillfactor);
ALTER TABLE leads_outbox RESET (autovacuum_vacuum_scale_factor);
"""


class Migration(migrations.Migration):
    dependencies = [("leads", "0001_initial")]

    operations = [
        migrations.RunSQL(FREEZE_CASE, UNFREEZE_CASE),
        migrations.RunSQL(FREEZE_LIST, UNFREEZE_LIST),
        migrations.RunSQL(TUNE, UNTUNE),
    ]
