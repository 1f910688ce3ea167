"""What a new user finds: organizations with people, crews, and repositories for them to work on."""
