"""Fault drills of the feeds, with every process that has to do with prices."""
