from django.db import migrations, models

# Also used by other apps' append-only tables. Triggers bind the tables' owner too, which grants do not.
REFUSE_CHANGE = """
CREATE FUNCTION vanta_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % refused: the table is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""
APPEND_ONLY = """
CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON vanta_auditentry
    FOR EACH ROW EXECUTE FUNCTION vanta_refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON vanta_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION vanta_refuse_change();
"""
CHANGEABLE = """
DROP TRIGGER append_only_rows ON vanta_auditentry;
DROP TRIGGER append_only_table ON vanta_auditentry;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "seq",
                    models.BigIntegerField(help_text="Without gaps, from 1", primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField()),
                ("actor", models.TextField()),
                ("action", models.TextField(db_index=True)),
                ("subject", models.TextField()),
                ("before", models.JSONField(null=True)),
                ("after", models.JSONField(null=True)),
                ("reason", models.TextField(blank=True)),
                ("trace_id", models.CharField(blank=True, max_length=64)),
                (
                    "previous_hmac",
                    models.CharField(blank=True, help_text="The entry before; empty in the first", max_length=64),
                ),
                ("hmac", models.CharField(help_text="Over this entry and the one before", max_length=64)),
            ],
            options={
                "ordering": ["-seq"],
                "verbose_name_plural": "audit entries",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("seq__gte", 1)), name="audit_seq_from_one"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("actor", ""), _negated=True), models.Q(("action", ""), _negated=True)
                        ),
                        name="audit_names_actor_and_action",
                    ),
                ],
            },
        ),
        migrations.RunSQL(REFUSE_CHANGE, "DROP FUNCTION vanta_refuse_change()"),
        migrations.RunSQL(APPEND_ONLY, CHANGEABLE),
    ]
