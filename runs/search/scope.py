"""Names for the filters of a search, which are indexed like words.

So the index itself finds the words of one organization, and how much others have costs nothing.
"""

from uuid import UUID


def organization(pk: int) -> str:
    return f"o{pk}"


def crew(pk: UUID) -> str:
    return f"c{pk.hex}"


def kind(name: str) -> str:
    return f"k{name.replace('_', '')}"


def outcome(name: str) -> str:
    return f"s{name}"
