"""楼盘字典 as a source: which community it is, and what is true of it at large."""

from collections.abc import Iterator
from typing import Final

from schemas.codes import PropertyType, Tradability
from schemas.domain.texts import PROPERTY_TYPE_TEXTS, TRADABILITY_TEXTS
from schemas.events import Community
from streams.enrichment.index import CommunityIndex
from streams.enrichment.verification.house import Field, House
from streams.enrichment.verification.sources import Absent, Finding, Known, Value, plain

NAME: Final = "community-dictionary"
"""What a dictionary is called whose rows do not name their source."""
SAID_BY: Final = "楼盘字典"
_PHASES_APART: Final = 5  # years: a community is built in phases, and the dictionary has one year for all of them


class DictionarySource:
    """A `VerificationSource`: the communities of the dictionary. It lists them all, so what it lacks is not found."""

    def __init__(self, communities: CommunityIndex) -> None:
        """`communities` is followed elsewhere, and read here."""
        self._communities = communities

    def asked(self, house: House, /) -> tuple[str, ...]:
        """Who delivered the community; while none is known, everybody who delivered any."""
        if house.entry is not None:
            return (house.entry.community.source or NAME,)
        return tuple(source or NAME for source in self._communities.sources) or (NAME,)

    def findings(self, house: House, /) -> tuple[Finding, ...]:
        """The community and its facts, or that there is none of that name. An empty dictionary says nothing."""
        if house.entry is not None:
            return tuple(_facts(house.entry.community, house))
        if house.name is None or house.is_ambiguous or not len(self._communities):
            return ()
        only, *others = self.asked(house)
        return (Absent(field=Field.COMMUNITY, source=NAME if others else only, said_by=SAID_BY),)


def _facts(community: Community, house: House) -> Iterator[Known]:
    yield _known(community, Field.COMMUNITY, community.name, community.name)
    if community.total_floors is not None:
        yield _known(community, Field.TOTAL_FLOORS, community.total_floors, f"{community.total_floors}层", typical=True)
    if community.built_year is not None:
        yield _known(
            community, Field.BUILT_YEAR, community.built_year, f"{community.built_year}年", years=_PHASES_APART
        )
    if community.min_area_m2 is not None and community.max_area_m2 is not None:
        span = f"{plain(community.min_area_m2)}至{plain(community.max_area_m2)}㎡"
        yield _known(community, Field.AREA, span, span, typical=True)
    listed = [PropertyType(name) for name in community.property_types if name in PropertyType.__members__]
    if listed:
        # A row of shops below the flats is in few dictionaries: that it is not listed disproves no shop.
        typical = house.property_type is not None and house.property_type.is_commercial
        shown = "、".join(PROPERTY_TYPE_TEXTS[kind] for kind in listed)
        yield _known(community, Field.PROPERTY_TYPE, frozenset(listed), shown, typical=typical)
        yield _known(community, Field.USAGE, frozenset(listed), shown, typical=True)
    if community.tradability is not Tradability.UNKNOWN:
        yield _known(community, Field.TRADABILITY, community.tradability, TRADABILITY_TEXTS[community.tradability])


def _known(
    community: Community, field: Field, value: Value, shown: str, *, typical: bool = False, years: int = 0
) -> Known:
    return Known(
        field=field,
        value=value,
        shown=shown,
        source=community.source or NAME,
        evidence=community.community_id,
        said_by=SAID_BY,
        is_typical=typical,
        years_apart=years,
    )
