"""How moments are written where a page says nothing else; the admin does not."""
