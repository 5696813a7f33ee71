import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FREEZE = """
CREATE OR REPLACE FUNCTION scoring_version_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
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
"""


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0002_database_rules"),
        ("scoring", "0002_database_rules"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="VersionEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "verb",
                    models.CharField(
                        choices=[
                            ("proposed", "proposed it"),
                            ("signed", "signed"),
                            ("objected", "asked for a change"),
                            ("taken_back", "took it back to edit it"),
                            ("returned", "returned to an earlier version"),
                            ("activated", "put it into force"),
                        ],
                        max_length=12,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("note", models.TextField(blank=True, default="")),
                (
                    "actor",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="events", to="scoring.modelversion"
                    ),
                ),
            ],
            options={
                "ordering": ("version_id", "pk"),
            },
        ),
        migrations.CreateModel(
            name="Evidence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("report", "A report"), ("leads", "A list of leads"), ("reason", "A rejection reason")],
                        max_length=6,
                    ),
                ),
                ("label", models.CharField(blank=True, default="", max_length=120)),
                (
                    "url",
                    models.CharField(
                        blank=True, default="", help_text="Of a report, or of a filtered lead list.", max_length=500
                    ),
                ),
                (
                    "count",
                    models.PositiveIntegerField(
                        blank=True, help_text="Leads or rejections there were when it was added.", null=True
                    ),
                ),
                ("note", models.TextField(blank=True, default="")),
                ("at", models.DateTimeField()),
                (
                    "added_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "reason",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="leads.reason"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="evidence", to="scoring.modelversion"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "evidence",
                "ordering": ("version_id", "pk"),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "reason"), ("reason__isnull", False)),
                            models.Q(models.Q(("kind", "reason"), _negated=True), models.Q(("url", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="evidence_names_something",
                    )
                ],
            },
        ),
        migrations.RunSQL(FREEZE, UNFREEZE),
    ]
