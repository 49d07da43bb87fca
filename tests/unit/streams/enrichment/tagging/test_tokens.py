import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.enrichment.tagging.tokens import symbols, tokenise


def test_digits_and_letters_stay_together_and_everything_else_stands_alone():
    assert tokenise("翠湖路13号AB座1-2") == ["翠", "湖", "路", "13", "号", "AB", "座", "1", "-", "2"]


@given(st.text())
def test_tokens_joined_are_the_text_again_and_each_has_a_symbol(text):
    tokens = tokenise(text)

    assert "".join(tokens) == text
    assert len(symbols(tokens)) == len(tokens)
    assert all(symbols(tokens))


@pytest.mark.parametrize(
    ("token", "symbol"),
    [
        ("7", "d1"),
        ("501", "d3"),
        ("13800000000", "d6"),
        ("A", "A"),
        ("a", "A"),
        ("SOHO", "l4"),
        ("1-3", "d-"),
        ("--", "--"),
        ("栋", "幢"),
        ("號", "号"),
        ("_", "_"),
    ],
)
def test_a_number_is_seen_by_its_length_and_a_variant_as_its_usual_form(token, symbol):
    assert symbols([token]) == [symbol]
