"""Run folders and bundles: read, collected, anonymised and written."""
