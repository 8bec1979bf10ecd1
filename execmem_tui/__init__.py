"""execmem-tui: where the Linux kernel's executable memory goes, drawn, simulated and checked."""

__version__ = "0.1.0"
