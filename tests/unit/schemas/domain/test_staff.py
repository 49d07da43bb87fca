"""Staff numbers: one person, one spelling."""

import pytest

from schemas.domain.staff import folded, staff_number


@pytest.mark.parametrize("written", ["E1001", "e1001", " E1001 ", "Ｅ１００１", "E1001\u3000"])
def test_however_a_number_is_written_it_is_one_person(written: str) -> None:
    """Case, width and blanks make no second person."""
    assert staff_number(written) == folded(written) == "E1001"


@pytest.mark.parametrize("text", ["", " ", "张三", "E", "E 1001", "-E1", "\u04151001", "E" * 41])
def test_what_is_no_staff_number_is_refused(text: str) -> None:
    """Names, blanks, and the Cyrillic letter that looks like a Latin one."""
    with pytest.raises(ValueError, match="no staff number"):
        staff_number(text)
