import pytest

from schemas.domain.normalise import normalise
from streams.enrichment.pairs.spelled import by_rules, spell, spelled
from streams.enrichment.pieces import Piece


class OneLevelTagger:
    """Takes everything for one level."""

    version = "one"

    def __init__(self, level):
        self._level = level

    def pieces(self, texts):
        return [(Piece(level=self._level, text=text, start=0, end=len(text)),) for text in texts]


def of(address):
    return spell([address], None)[0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("翠湖花园3号楼", "翠湖花园3栋"),
        ("翠湖花园三座", "翠湖花园3幢"),
        ("银杏路十二号", "银杏路12号"),
        ("翠湖花园3幢05层", "翠湖花园3幢5F"),
        ("翠湖花园3幢 501房", "翠湖花园3幢501室"),
    ],
)
def test_two_spellings_of_one_thing_are_the_same_tokens(written, meant):
    assert of(written).texts == of(meant).texts


def test_a_number_is_one_token_and_never_equals_another():
    assert of("银杏路12号").texts == ("银", "杏", "路", "12", "号")
    assert of("银杏路12号").texts != of("银杏路21号").texts


def test_signs_part_words_and_are_no_words():
    found = of("翠湖花园(南门)")
    assert found.joined == "翠湖花园南门"
    assert found.outside == "翠湖花园"


def test_the_last_name_is_what_stands_behind_the_road_and_outside_the_brackets():
    assert of("杭州市西湖区银杏路12号翠湖花园(近海棠街)").last_name == "翠湖花园"


def test_the_rules_cover_the_whole_address_in_order():
    text = normalise("杭州市西湖区银杏路12号翠湖花园3幢2单元501室")
    pieces = by_rules(text)
    assert "".join(piece.text for piece in pieces) == text
    assert [piece.level for piece in pieces][-3:] == ["houseno", "cellno", "roomno"]


def test_levels_are_the_taggers_when_there_is_one():
    found = spell(["银杏路12号"], OneLevelTagger("road"))[0]
    assert {token.role for token in found.tokens} == {"road"}
    assert found.numbers_of_role["road"] == ("12",)


def test_nothing_readable_is_no_token():
    found = spelled("", ())
    assert found.tokens == ()
    assert found.last_name == found.joined == ""
