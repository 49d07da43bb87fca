"""Where the house of a resolved address lies, as the coverage table sees it."""

from datetime import date

from schemas.domain.worktime import shanghai_date
from schemas.events import Accepted
from streams.enrichment.coverage import Cover
from streams.enrichment.index import Entry
from streams.enrichment.places import Place
from streams.enrichment.reference import EnrichmentView
from streams.enrichment.resolve import Resolution, county_of


def day_of_receipt(accepted: Accepted) -> date:
    """Coverage periods are days of the bank's calendar, which is China's; an instant of receipt is UTC."""
    return shanghai_date(accepted.request.received_at)


def covers_of(resolution: Resolution, view: EnrichmentView, on: date) -> tuple[Cover | None, ...]:
    """The cover of every county the house may lie in (`None`: out); empty when not even the city is known."""
    place = resolution.parsed.place
    if resolution.chosen is not None:
        entries = [resolution.chosen]
    elif resolution.is_ambiguous:
        entries = [match.entry for match in resolution.matches]
    else:
        entries = []  # one doubtful candidate neither outweighs the stated place nor makes up for a missing one
    if entries:
        return tuple(_of_entry(entry, place, view, on) for entry in entries)
    if place.counties:
        return tuple(view.coverage.county(county.code, on) for county in place.counties)
    return (view.coverage.city(place.city, on),) if place.city else ()


def _of_entry(entry: Entry, place: Place, view: EnrichmentView, on: date) -> Cover | None:
    county = county_of(entry, place)
    return view.coverage.county(county.code, on) if county else view.coverage.city(entry.city, on)


def cover_of(resolution: Resolution, view: EnrichmentView, on: date) -> Cover | None:
    """The one cover that applies; `None` where the place is not known well enough to say."""
    place = resolution.parsed.place
    if resolution.chosen is not None:
        return _of_entry(resolution.chosen, place, view, on)
    if place.county is not None:
        return view.coverage.county(place.county.code, on)
    return view.coverage.city(place.city, on) if place.city else None


def city_of_branch(accepted: Accepted, view: EnrichmentView) -> str | None:
    """Where the asking branch stands: a hint for addresses that name no city."""
    branch = accepted.request.branch_code
    return None if branch is None else view.coverage.city_of_branch(branch, day_of_receipt(accepted))
