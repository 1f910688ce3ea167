"""The servers we measure ourselves against, each as its users would write it."""
