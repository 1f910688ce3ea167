"""What a parcel costs."""

from decimal import Decimal

BASE = {"local": Decimal("3.90"), "national": Decimal("5.40"), "abroad": Decimal("11.20")}
PER_KG = {"local": Decimal("0.60"), "national": Decimal("0.95"), "abroad": Decimal("3.10")}
INCLUDED_KG = Decimal(2)
HEAVIEST_KG = Decimal(30)


def price(weight_kg: Decimal | str, zone: str) -> Decimal:
    """The price of a parcel; every kilogram begun above the included two costs extra."""
    weight = Decimal(weight_kg)
    if not 0 < weight <= HEAVIEST_KG:
        raise ValueError(f"a parcel weighs up to {HEAVIEST_KG} kg, not {weight}")
    if zone not in BASE:
        raise ValueError(f"zone is one of {', '.join(BASE)}, not {zone}")
    extra = max(Decimal(0), weight - INCLUDED_KG).to_integral_value(rounding="ROUND_CEILING")
    return BASE[zone] + extra * PER_KG[zone]
