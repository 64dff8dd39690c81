"""The button of an alert: somebody says that they have it, and it is told no more. `adminpanel.apps` names it."""

from django.db import transaction

from adminpanel import alert_texts
from adminpanel.models import Alert
from trading import outbox
from trading.telegram import cards
from trading.telegram.admins import admin_ids, is_admin
from trading.telegram.context import Context
from trading.telegram.numbers import parse_order_id
from vanta import audit, clock

FOR_ADMINS = "This button is for the admins of this bot."
GONE = "This alert is over."


@transaction.atomic
def acknowledge(context: Context, argument: str) -> None:
    """The first tap counts; later ones learn whose it is. Raises Mistake."""
    if not is_admin(context.trader.telegram_id):
        context.toast(FOR_ADMINS, alert=True)
        return
    alert = Alert.objects.select_for_update().filter(pk=parse_order_id(argument)).first()
    if alert is None or alert.ended_at:
        context.toast(GONE)
        return
    if alert.acknowledged_at:
        context.toast(f"{alert.acknowledged_by} has it.")
    else:
        _take(alert, context)
        context.toast("Noted.")
    context.edit(cards.text(alert_texts.is_taken(alert)))


def _take(alert: Alert, context: Context) -> None:
    alert.acknowledged_at, alert.acknowledged_by = clock.now(), _name(context)
    alert.save(update_fields=["acknowledged_at", "acknowledged_by"])
    for admin in admin_ids():
        if admin != context.chat_id:
            outbox.owe(admin, "sendMessage", cards.text(alert_texts.is_taken(alert)))
    audit.append_last(
        actor=f"telegram:{context.trader.telegram_id} {_name(context)}",
        action="alert.acknowledge",
        subject=f"alert:{alert.pk}",
        after={"kind": alert.kind, "detail": alert.detail},
    )


def _name(context: Context) -> str:
    return context.trader.username or context.trader.first_name or str(context.trader.telegram_id)
