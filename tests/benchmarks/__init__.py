"""Budgets as ratios measured in one run: ``python -m tests.benchmarks``.

Not part of the ordinary tests.
"""
