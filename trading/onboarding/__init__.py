"""The page that connects a wallet: what a browser sees and sends; the rules are in `trading/services/onboarding.py`."""
