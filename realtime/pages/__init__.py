"""The dashboard and the crew page."""
