"""The screen: a Textual application over sources and views.

Nothing else in the package imports it.
"""
