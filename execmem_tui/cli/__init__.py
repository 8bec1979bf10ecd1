"""The command line: the same answers as the screen, as text, JSON and exit codes."""
