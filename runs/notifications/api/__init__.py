"""HTTP API of an organization's notification targets."""
