"""Vanta: a self-hosted trading backend for leveraged perpetuals."""
