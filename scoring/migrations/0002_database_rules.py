"""The partitioned table of scores, and what is frozen once a version is no draft any more."""

from django.db import migrations

SCORES = """
CREATE TABLE scoring_leadscore (
    version_id bigint NOT NULL,
    lead_id bigint NOT NULL,
    fit integer NOT NULL,
    engagement integer NOT NULL,
    tier smallint,
    flags smallint NOT NULL DEFAULT 0,
    gate varchar(40),
    PRIMARY KEY (version_id, lead_id)
) PARTITION BY LIST (version_id);
-- For versions without a partition of their own: roles that may not create tables.
CREATE TABLE scoring_leadscore_default PARTITION OF scoring_leadscore DEFAULT WITH (fillfactor = 60);
-- The lead list by tier; none on scores, so that updates stay within their page.
CREATE INDEX leadscore_tier ON scoring_leadscore (tier, lead_id) WHERE flags & 1 = 1;
"""

TUNE = "ALTER TABLE scoring_leadstate SET (fillfactor = 60);"
UNTUNE = "ALTER TABLE scoring_leadstate RESET (fillfactor);"

FREEZE = """
CREATE FUNCTION scoring_version_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.status <> 'draft' THEN
            RAISE EXCEPTION 'a version that was proposed is never deleted' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.status <> 'draft' AND
       (NEW.model_id, NEW.no, NEW.spec, NEW.spec_hash, NEW.scope, NEW.decision, NEW.dimensions, NEW.rev, NEW.reason)
       IS DISTINCT FROM
       (OLD.model_id, OLD.no, OLD.spec, OLD.spec_hash, OLD.scope, OLD.decision, OLD.dimensions, OLD.rev, OLD.reason)
    THEN
        RAISE EXCEPTION 'a version that was proposed is frozen' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.status <> 'draft' AND NEW.status = 'draft' THEN
        RAISE EXCEPTION 'a version that was proposed never becomes a draft again' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER scoring_version_frozen BEFORE UPDATE OR DELETE ON scoring_modelversion
    FOR EACH ROW EXECUTE FUNCTION scoring_version_frozen();

CREATE FUNCTION scoring_child_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    version bigint := CASE WHEN TG_OP = 'DELETE' THEN OLD.version_id ELSE NEW.version_id END;
BEGIN
    -- A version being deleted as a draft is already gone here.
    IF EXISTS (SELECT 1 FROM scoring_modelversion WHERE id = version AND status <> 'draft') THEN
        RAISE EXCEPTION 'the content of a proposed version is frozen' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.version_id <> OLD.version_id THEN
        RAISE EXCEPTION 'the content of a version stays in it' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER scoring_child_frozen BEFORE INSERT OR UPDATE OR DELETE ON scoring_criterion
    FOR EACH ROW EXECUTE FUNCTION scoring_child_frozen();
CREATE TRIGGER scoring_child_frozen BEFORE INSERT OR UPDATE OR DELETE ON scoring_criteriongroup
    FOR EACH ROW EXECUTE FUNCTION scoring_child_frozen();
CREATE TRIGGER scoring_child_frozen BEFORE INSERT OR UPDATE OR DELETE ON scoring_gate
    FOR EACH ROW EXECUTE FUNCTION scoring_child_frozen();
CREATE TRIGGER scoring_child_frozen BEFORE INSERT OR UPDATE OR DELETE ON scoring_evidence
    FOR EACH ROW EXECUTE FUNCTION scoring_child_frozen();

-- A verdict holds over the very content of its version.
CREATE FUNCTION scoring_signed_content() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM scoring_modelversion
                   WHERE id = NEW.version_id AND status = 'proposed' AND spec_hash = NEW.subject_hash) THEN
        RAISE EXCEPTION 'only the content of a proposed version is signed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER scoring_signed_content BEFORE INSERT OR UPDATE ON scoring_signoff
    FOR EACH ROW EXECUTE FUNCTION scoring_signed_content();
"""
UNFREEZE = """
DROP TRIGGER scoring_signed_content ON scoring_signoff;
DROP FUNCTION scoring_signed_content();
DROP TRIGGER scoring_child_frozen ON scoring_evidence;
DROP TRIGGER scoring_child_frozen ON scoring_gate;
DROP TRIGGER scoring_child_frozen ON scoring_criteriongroup;
DROP TRIGGER scoring_child_frozen ON scoring_criterion;
DROP FUNCTION scoring_child_frozen();
DROP TRIGGER scoring_version_frozen ON scoring_modelversion;
DROP FUNCTION scoring_version_frozen();
"""


class Migration(migrations.Migration):
    dependencies = [("scoring", "0001_initial")]

    operations = [
        migrations.RunSQL(SCORES, "DROP TABLE scoring_leadscore;"),
        migrations.RunSQL(TUNE, UNTUNE),
        migrations.RunSQL(FREEZE, UNFREEZE),
    ]
