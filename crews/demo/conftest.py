"""The sources of the demo's repositories are tested by its crews, not by this suite."""

collect_ignore_glob = ["sources/*"]
