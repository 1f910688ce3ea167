"""Frameworks whose crews report themselves, one file each.

A framework is imported by its file alone.
"""
