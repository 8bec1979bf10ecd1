"""Dialogs and sheets. Each is imported when it is first asked for."""
