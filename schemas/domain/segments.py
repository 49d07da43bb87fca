"""Segments: the parts of the market whose automatic answers are admitted and held one by one (准入与暂停)."""

_BETWEEN = "|"


def segment_key(city: str, property_class: str, community_id: str | None = None) -> str:
    """`杭州市|RESIDENTIAL`, or `杭州市|RESIDENTIAL|c-1` for a hold on one community of it."""
    parts = (city, property_class) if community_id is None else (city, property_class, community_id)
    return _BETWEEN.join(parts)
