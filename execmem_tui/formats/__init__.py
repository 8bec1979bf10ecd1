"""Readers of what kernels print.

Pure functions of text, streaming, strict about what strangers send.
"""
