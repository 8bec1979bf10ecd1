"""Scenarios: what machines ask for, as files.

Played on a simulated kernel, compared under two settings, swept over draws.
"""
