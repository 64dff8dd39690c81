"""The Telegram front end: what comes in by the webhook, what people read, what goes out."""
