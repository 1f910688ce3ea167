"""Demo data for new users: organizations with people, crews, and repositories to work on."""
