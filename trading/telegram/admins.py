"""Who the admins are in Telegram; their private chats have their own ids."""

from django.conf import settings


def admin_ids() -> list[int]:
    """Admins and super admins, each once."""
    return sorted({*settings.ADMIN_USER_IDS, *settings.SUPER_ADMIN_IDS})


def is_admin(telegram_id: int) -> bool:
    return telegram_id in settings.ADMIN_USER_IDS or telegram_id in settings.SUPER_ADMIN_IDS
