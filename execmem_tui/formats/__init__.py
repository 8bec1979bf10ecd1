"""Readers of what kernels print: pure functions of text, streaming, strict about what strangers send."""
