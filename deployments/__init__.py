"""Releases: which code goes where, by which plan, and what came of it."""
