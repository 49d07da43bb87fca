"""What every process that values is made of: the view of the market, and the topics that fill it."""

from infra.cli.connections import shanghai_today
from infra.settings import Settings
from infra.storage.models import ModelStore
from schemas.catalogue import COMMUNITIES, DEALS, DELIVERIES, MODELS_RELEASED, RENTS, SOURCES
from streams.runtime.reference import ReferenceSource
from streams.scoring.licences import Licences
from streams.scoring.reference import ScoringView


def scoring_view(settings: Settings) -> tuple[ScoringView, ReferenceSource]:
    """An empty view, and what it follows. One reader fills it; it needs no lock."""
    licences = Licences(waived=not settings.require_licences)
    view = ScoringView(ModelStore(settings.models_url), licences, shanghai_today)
    topics = (COMMUNITIES, DEALS, RENTS, MODELS_RELEASED, SOURCES, DELIVERIES)
    followed = ReferenceSource(name="market", view=view, topics=topics)
    return view, followed
