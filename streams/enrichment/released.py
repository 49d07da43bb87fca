"""The tagger in charge: the newest usable release of it, taken over between two batches."""

import logging
from typing import TYPE_CHECKING

from schemas.codes import ADDRESS_SEGMENT, ADDRESS_TAGGER, ModelRole
from schemas.errors import PermanentError
from schemas.events import ModelReleased
from streams.enrichment.ports import ArtefactStore, Unpack

if TYPE_CHECKING:
    from streams.enrichment.pieces import Tagger

log = logging.getLogger(__name__)


class ReleasedTagger:
    """Follows the releases of the address tagger; those of other models are left alone.

    A release that cannot be used (not in the store, another digest, not a tagger) leaves the tagger before it in
    charge and is named by `problem` until a usable one follows. Without any, addresses are read by rules alone.
    """

    def __init__(self, store: ArtefactStore, unpack: Unpack) -> None:
        self._store, self._unpack = store, unpack
        self.tagger: Tagger | None = None
        self.problem: str | None = None

    def apply(self, name: str, release: object) -> None:
        """Take a release in; anything that is no `ModelReleased` withdraws the one of that name."""
        if name != ADDRESS_TAGGER:
            return
        if not isinstance(release, ModelReleased):
            self.tagger = self.problem = None
            return
        if release.segment != ADDRESS_SEGMENT or release.role is not ModelRole.CHAMPION:
            return
        try:
            self.tagger = self._unpack(self._store.fetch(release.uri, release.sha256))
        except (PermanentError, OSError, ValueError) as error:
            self.problem = f"tagger {release.name} {release.version} is not used: {error}"
            log.error("tagger refused", extra={"model": release.name, "version": release.version, "reason": str(error)})  # noqa: TRY400 - a stack says nothing here
            return
        self.problem = None
        log.info("tagger in charge", extra={"model": release.name, "version": release.version})
