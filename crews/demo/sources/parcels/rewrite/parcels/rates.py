"""What a parcel costs, counted in cents."""

BASE = {"local": 390, "national": 540, "abroad": 1120}
PER_KG = {"local": 60, "national": 95, "abroad": 310}


def price(weight_kg: str, zone: str) -> int:
    """The price of a parcel in cents."""
    extra = int(float(weight_kg)) - 2
    return BASE[zone] + extra * PER_KG[zone]
