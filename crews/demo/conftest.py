"""The demo's crews test the sources of its repositories; this test suite does not."""

collect_ignore_glob = ["sources/*"]
