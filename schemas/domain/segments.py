"""Segments: the parts of the market whose automatic answers are admitted and held one by one (准入与暂停)."""

from schemas.codes import PropertyType

_BETWEEN = "|"


def segment_key(city: str, property_class: str, community_id: str | None = None) -> str:
    """`杭州市|RESIDENTIAL`, or `杭州市|RESIDENTIAL|c-1` for a hold on one community of it."""
    parts = (city, property_class) if community_id is None else (city, property_class, community_id)
    return _BETWEEN.join(parts)


def model_segment(property_type: PropertyType) -> str:
    """The `segment` of the model that values a property; an unknown type in a residential community is a flat."""
    return (PropertyType.APARTMENT if property_type is PropertyType.UNKNOWN else property_type).value
