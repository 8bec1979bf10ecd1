"""Scenarios: what machines ask for, as files; played on a simulated kernel, compared under two settings, swept over draws."""
