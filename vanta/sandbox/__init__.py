"""The sandbox: one process that stands in for the outside world on loopback.

Telegram's Bot API with a chat page, the venue's services, CoinGecko and a Base JSON-RPC answer the unmodified real
clients. It imports nothing else of Vanta, so that what it shows is what the clients see over HTTP.
"""
