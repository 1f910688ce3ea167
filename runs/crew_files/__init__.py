"""Crews as YAML: read, checked, compared with the database, applied, and written again."""
