"""Rules the database keeps by itself: decided cases, list revisions and what was written down once do not change; what happens
to a case or a lead behind its back is noted.
"""

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

# No verb changes one of these rows, so no column is let through: what is wrong is told by a further row, what an import
# brought is taken back by deleting it, and no foreign key of theirs is set to null.
APPEND_ONLY = """
CREATE FUNCTION leads_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER leads_append_only BEFORE UPDATE ON leads_activity FOR EACH ROW EXECUTE FUNCTION leads_append_only();
CREATE TRIGGER leads_append_only BEFORE UPDATE ON leads_submission FOR EACH ROW EXECUTE FUNCTION leads_append_only();
CREATE TRIGGER leads_append_only BEFORE UPDATE ON leads_leadevent FOR EACH ROW EXECUTE FUNCTION leads_append_only();
"""
APPEND_ONLY_NO_MORE = """
DROP TRIGGER leads_append_only ON leads_leadevent;
DROP TRIGGER leads_append_only ON leads_submission;
DROP TRIGGER leads_append_only ON leads_activity;
DROP FUNCTION leads_append_only();
"""

NOTE_DELETIONS = """
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
NOTE_DELETIONS_NO_MORE = """
DROP TRIGGER leads_case_deletion ON leads_case;
DROP TRIGGER leads_lead_deletion ON leads_lead;
DROP FUNCTION leads_note_deletion();
"""

# One statement each, for however many rows; planned anew each time, as one row and a million want other plans.
NOTE_HISTORY = """
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
NOTE_HISTORY_NO_MORE = """
DROP TRIGGER leads_case_written ON leads_case;
DROP FUNCTION leads_case_written();
DROP TRIGGER leads_lost_activity ON leads_activity;
DROP FUNCTION leads_note_lost_activity();
DROP TRIGGER leads_late_activity ON leads_activity;
DROP FUNCTION leads_note_late_activity();
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
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_NO_MORE),
        migrations.RunSQL(NOTE_DELETIONS, NOTE_DELETIONS_NO_MORE),
        migrations.RunSQL(NOTE_HISTORY, NOTE_HISTORY_NO_MORE),
        migrations.RunSQL(TUNE, UNTUNE),
    ]
