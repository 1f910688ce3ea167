"""Pages on which admins of an organization edit its crews."""
