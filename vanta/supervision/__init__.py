"""Keeping processes and asyncio jobs alive; `vanta.supervisor` puts the processes together."""
