"""Which asking of its valuation an event speaks of: its id hangs on it."""

from dataclasses import replace

import pytest

from streams.runtime.outbound import revision_of
from tests.fakes import valuations


def again(scored):
    return replace(scored, request=replace(scored.request, revision=2))


@pytest.mark.requirement("IN9")
@pytest.mark.parametrize(
    "event",
    [
        valuations.resulted(revision=2),
        valuations.accepted(revision=2),
        again(valuations.scored()),
        replace(valuations.review(), scored=again(valuations.scored())),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_is_of_the_asking_it_carries(event):
    assert revision_of(event) == 2


def test_what_belongs_to_no_asking_counts_as_the_first():
    assert revision_of(object()) == 1
