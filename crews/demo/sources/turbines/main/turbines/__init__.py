"""Readings of wind turbines."""
