"""The running kernel's own files.

A tracefs instance, /proc/kcore, and where in /proc and beside it things lie.
"""
