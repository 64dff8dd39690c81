"""Telegram's Bot API: the methods a bot calls, the updates it is called with."""
