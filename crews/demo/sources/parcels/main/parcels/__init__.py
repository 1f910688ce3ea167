"""Prices for parcels, and a careful client for carriers."""
