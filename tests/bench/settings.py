"""Vanta's settings with one more address: the baseline view. Used by the bench's web process alone."""

from vanta.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls"
