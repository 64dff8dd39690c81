"""Delegate keys at rest and in use; only the signing worker can read them."""
