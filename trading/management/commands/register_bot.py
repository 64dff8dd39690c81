"""Tell Telegram what the bot understands, and where to send updates."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from telegram.error import TelegramError

from trading.telegram import menu
from trading.telegram.client import bot_loop

UPDATES = ["message", "callback_query", "my_chat_member"]


class Command(BaseCommand):
    help = "Set the bot's menu of commands and, where PUBLIC_BASE_URL is https, its webhook. Harmless when repeated."

    def handle(self, *args: Any, **options: Any) -> None:
        menu.owe_menu()
        self.stdout.write(f"{len(menu.MENU)} commands")
        if not settings.PUBLIC_BASE_URL.startswith("https://"):
            self.stdout.write("No webhook: Telegram only sends to https, and PUBLIC_BASE_URL is not.")
            return
        address = f"{settings.PUBLIC_BASE_URL.rstrip('/')}/telegram/webhook/"
        bot, secret = bot_loop(), settings.TELEGRAM_WEBHOOK_SECRET
        try:
            bot.run(bot.bot.set_webhook(address, secret_token=secret, allowed_updates=UPDATES))
        except TelegramError as error:
            raise CommandError(f"Telegram did not take the webhook: {error}") from error
        self.stdout.write(f"webhook {address}")
