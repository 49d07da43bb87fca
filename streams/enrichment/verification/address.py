"""The address itself as a source: what was written there against what was stated beside it."""

from typing import Final

from streams.enrichment.verification.comparing import same_building
from streams.enrichment.verification.house import Field, House
from streams.enrichment.verification.sources import Finding, Known

NAME: Final = "address"
SAID_BY: Final = "地址"


class AddressSource:
    """A `VerificationSource`: the same customer wrote both, so it can contradict and never confirm."""

    def asked(self, _: House, /) -> tuple[str, ...]:
        """Nobody delivers it: it came with the request."""
        return ()

    def findings(self, house: House, /) -> tuple[Finding, ...]:
        """The building in the address, where another one is stated."""
        stated, written = house.stated_building, house.address_building
        if not stated or not written or same_building(stated, written):
            return ()
        fact = Known(field=Field.BUILDING, value=written, shown=written, source=NAME, evidence=None, said_by=SAID_BY)
        return (fact,)
