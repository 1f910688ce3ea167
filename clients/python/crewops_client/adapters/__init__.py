"""Adapters that report the crews of frameworks, one file each.

Only the file of an adapter imports its framework.
"""
