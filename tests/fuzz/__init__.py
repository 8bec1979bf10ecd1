"""A fuzzer of everything that reads what strangers send; ``python -m tests.fuzz --help``."""
