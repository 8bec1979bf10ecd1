"""Answers about snapshots and sources: holes, reach, verification, differences."""
