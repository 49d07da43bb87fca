"""Suggestions and the resolver must agree on what is too little of a name."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.codes import AliasSource
from schemas.domain.alias_rules import is_telling, may_be_shown
from schemas.domain.aliases import is_learnable
from streams.enrichment import names

_SPOKEN = (
    "".join(sorted(names.GENERIC | names.ORDINALS | names.COMPASS)) + "一二十号期区幢座栋楼层第弄大室单元户()-#望京老"
)


@pytest.mark.requirement("AD6")
@given(st.text(_SPOKEN, max_size=6))
@example("一二十上")
def test_an_alias_is_too_general_for_suggestions_exactly_when_it_is_for_the_resolver(alias):
    assert is_telling(alias) == (is_learnable(alias) and names.is_telling(names.key(alias)))


@pytest.mark.parametrize(("alias", "expected"), [("老望京", True), ("公寓", False), ("南区", False), ("(望)", False)])
def test_generic_words_and_points_of_the_compass_are_no_name(alias, expected):
    assert is_telling(alias) is expected


def test_only_what_was_imported_is_shown():
    assert [source for source in AliasSource if may_be_shown(source)] == [AliasSource.IMPORT]
