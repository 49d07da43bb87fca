"""When the market knew: what is told of a day counts from the day on which it became public, and never before."""

from datetime import date


def known_from(happened: date, known_on: date | None) -> date:
    """The day on which a deal or a rent of the day `happened` became known.

    Its own day where nobody says (`None`), or where a source claims to have known it sooner.
    """
    return happened if known_on is None else max(happened, known_on)
