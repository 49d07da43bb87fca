"""Which sources of deals may be shown to people: their licences, asked on a day."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from schemas.codes import SourceUse
from schemas.events import SourceLicence


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSources:
    """What is known of sources. `waived`: none needs a licence, as where no bank is served."""

    today: Callable[[], date]
    waived: bool = False
    licences: dict[str, SourceLicence] = field(default_factory=dict)

    def may_be_shown(self, source: str) -> bool:
        """Whether its rows may be shown today. A source that is not registered is not licensed."""
        if self.waived:
            return True
        licence = self.licences.get(source)
        return licence is not None and _allows(licence, self.today())


def _allows(licence: SourceLicence, on: date) -> bool:
    is_running = licence.valid_from <= on and (licence.valid_until is None or on <= licence.valid_until)
    return licence.revoked_at is None and is_running and SourceUse.COMPARABLES in licence.allowed_uses
