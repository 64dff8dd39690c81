"""Vanta's settings with one more address, the baseline view, and with drafts that live longer.

On a busy machine typing 300 orders takes longer than a draft is valid for.
"""

from vanta.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls"
DRAFT_VALID_S = 300
