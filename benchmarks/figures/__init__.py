"""One module a figure: ``measure`` it once, as one round of several."""
