"""What the suite is worth: one guard at a time is taken out of the code, and its tests must turn red.

``make guards`` does that for every guard that is listed here, in copies of the checkout.
"""
