"""The rules that no code path may break, repeated where every code path ends: legal transitions, append-only history,
ledger transactions that sum to zero."""

from django.db import migrations

TRANSITIONS = """
CREATE FUNCTION trading_order_legal_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('DRAFT','APPROVED'), ('DRAFT','CANCELED'), ('DRAFT','DENIED'), ('DRAFT','EXPIRED'),
        ('APPROVED','CANCELED'), ('APPROVED','EXPIRED'), ('APPROVED','SUBMITTING'),
        ('SUBMITTING','ACCEPTED'), ('SUBMITTING','CANCELED'), ('SUBMITTING','EXPIRED'),
        ('SUBMITTING','FILLED'), ('SUBMITTING','PARTIALLY_FILLED'), ('SUBMITTING','REJECTED'),
        ('SUBMITTING','RESTING'), ('SUBMITTING','UNKNOWN'), ('ACCEPTED','CANCELED'), ('ACCEPTED','EXPIRED'),
        ('ACCEPTED','FILLED'), ('ACCEPTED','PARTIALLY_FILLED'), ('ACCEPTED','REJECTED'),
        ('ACCEPTED','RESTING'), ('ACCEPTED','UNKNOWN'), ('RESTING','CANCELED'), ('RESTING','EXPIRED'),
        ('RESTING','FILLED'), ('RESTING','PARTIALLY_FILLED'), ('RESTING','UNKNOWN'),
        ('PARTIALLY_FILLED','CANCELED'), ('PARTIALLY_FILLED','EXPIRED'), ('PARTIALLY_FILLED','FILLED'),
        ('PARTIALLY_FILLED','UNKNOWN'), ('UNKNOWN','ACCEPTED'), ('UNKNOWN','CANCELED'),
        ('UNKNOWN','EXPIRED'), ('UNKNOWN','FILLED'), ('UNKNOWN','PARTIALLY_FILLED'), ('UNKNOWN','REJECTED'),
        ('UNKNOWN','RESTING')
    ) THEN
        RAISE EXCEPTION 'order % cannot go from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_legal_transition BEFORE UPDATE OF state ON trading_order
    FOR EACH ROW EXECUTE FUNCTION trading_order_legal_transition();
"""

APPEND_ONLY = """
CREATE FUNCTION trading_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER orderevent_append_only BEFORE UPDATE OR DELETE ON trading_orderevent
    FOR EACH ROW EXECUTE FUNCTION trading_append_only();
CREATE TRIGGER ledgertransaction_append_only BEFORE UPDATE OR DELETE ON trading_ledgertransaction
    FOR EACH ROW EXECUTE FUNCTION trading_append_only();
CREATE TRIGGER ledgerentry_append_only BEFORE UPDATE OR DELETE ON trading_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION trading_append_only();
CREATE TRIGGER fill_append_only BEFORE UPDATE OR DELETE ON trading_fill
    FOR EACH ROW EXECUTE FUNCTION trading_append_only();
"""

SUMS_TO_ZERO = """
CREATE FUNCTION trading_ledger_sums_to_zero() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE total numeric;
BEGIN
    SELECT sum(amount_usd) INTO total FROM trading_ledgerentry WHERE transaction_id = NEW.transaction_id;
    IF total <> 0 THEN
        RAISE EXCEPTION 'ledger transaction % sums to %', NEW.transaction_id, total USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_sums_to_zero AFTER INSERT ON trading_ledgerentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION trading_ledger_sums_to_zero();
"""


class Migration(migrations.Migration):
    dependencies = [("trading", "0001_initial")]
    operations = [
        migrations.RunSQL(
            TRANSITIONS,
            "DROP TRIGGER order_legal_transition ON trading_order; DROP FUNCTION trading_order_legal_transition();",
        ),
        migrations.RunSQL(
            APPEND_ONLY,
            "DROP TRIGGER orderevent_append_only ON trading_orderevent;"
            "DROP TRIGGER ledgertransaction_append_only ON trading_ledgertransaction;"
            "DROP TRIGGER ledgerentry_append_only ON trading_ledgerentry;"
            "DROP TRIGGER fill_append_only ON trading_fill;"
            "DROP FUNCTION trading_append_only();",
        ),
        migrations.RunSQL(
            SUMS_TO_ZERO,
            "DROP TRIGGER ledger_sums_to_zero ON trading_ledgerentry; DROP FUNCTION trading_ledger_sums_to_zero();",
        ),
    ]
