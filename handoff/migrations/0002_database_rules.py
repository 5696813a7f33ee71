"""What happened to a clock stays as it was written, and so do the hours it runs on; tables that live fast are vacuumed often."""

from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION handoff_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER handoff_append_only BEFORE UPDATE ON handoff_slaevent
    FOR EACH ROW EXECUTE FUNCTION handoff_append_only();
CREATE TRIGGER handoff_append_only BEFORE UPDATE ON handoff_handoffevent
    FOR EACH ROW EXECUTE FUNCTION handoff_append_only();

CREATE FUNCTION handoff_packet_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.frozen_at IS NOT NULL AND (NEW.content, NEW.frozen_at) IS DISTINCT FROM (OLD.content, OLD.frozen_at) THEN
        RAISE EXCEPTION 'a packet is frozen once it was offered' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER handoff_packet_frozen BEFORE UPDATE ON handoff_packet FOR EACH ROW EXECUTE FUNCTION handoff_packet_frozen();
"""
PUBLISHED = """
CREATE FUNCTION handoff_hours_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- By statement: whether clocks run on a calendar is looked up once for all rows that one statement touches.
    IF EXISTS (SELECT 1 FROM handoff_slatimer t WHERE t.calendar_id IN (SELECT id FROM before)) THEN
        RAISE EXCEPTION 'clocks run on this calendar: make its next version' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER handoff_hours_run AFTER UPDATE ON handoff_workcalendar REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION handoff_hours_run();

CREATE FUNCTION handoff_day_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM handoff_slatimer t WHERE t.calendar_id IN (SELECT calendar_id FROM touched)) THEN
        RAISE EXCEPTION 'clocks run on this calendar: make its next version' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER handoff_day_added AFTER INSERT ON handoff_calendarday REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION handoff_day_runs();
CREATE TRIGGER handoff_day_changed AFTER UPDATE ON handoff_calendarday REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION handoff_day_runs();
CREATE TRIGGER handoff_day_removed AFTER DELETE ON handoff_calendarday REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION handoff_day_runs();
"""
UNPUBLISHED = """
DROP TRIGGER handoff_day_removed ON handoff_calendarday;
DROP TRIGGER handoff_day_changed ON handoff_calendarday;
DROP TRIGGER handoff_day_added ON handoff_calendarday;
DROP FUNCTION handoff_day_runs();
DROP TRIGGER handoff_hours_run ON handoff_workcalendar;
DROP FUNCTION handoff_hours_run();
"""
UNDO = """
DROP TRIGGER handoff_packet_frozen ON handoff_packet;
DROP FUNCTION handoff_packet_frozen();
DROP TRIGGER handoff_append_only ON handoff_handoffevent;
DROP TRIGGER handoff_append_only ON handoff_slaevent;
DROP FUNCTION handoff_append_only();
"""
TUNE = """
ALTER TABLE handoff_slatimer SET (autovacuum_vacuum_scale_factor = 0.02, fillfactor = 80);
ALTER TABLE django_q_ormq SET (autovacuum_vacuum_scale_factor = 0.02);
"""
UNTUNE = """
ALTER TABLE handoff_slatimer RESET (autovacuum_vacuum_scale_factor, fillfactor);
ALTER TABLE django_q_ormq RESET (autovacuum_vacuum_scale_factor);
"""


class Migration(migrations.Migration):
    dependencies = [("handoff", "0001_initial"), ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more")]

    operations = [
        migrations.RunSQL(APPEND_ONLY, UNDO),
        migrations.RunSQL(PUBLISHED, UNPUBLISHED),
        migrations.RunSQL(TUNE, UNTUNE),
    ]
