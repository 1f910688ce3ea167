"""Faults while events flow, and clients that must end with every event once, in order."""
