from dataclasses import fields
from datetime import UTC, datetime
from io import StringIO

import pytest

from infra.reference.properties import (
    COLUMNS,
    FACTS,
    Correction,
    CorrectionError,
    checked_fact,
    checked_key,
    checked_person,
    checked_source,
    checked_tag,
    corrected,
    read_corrections,
    write_records,
)
from infra.reference.rows import RejectedRow
from schemas.codes import PropertyType, Tradability
from schemas.events import PropertyRecord

NOW = datetime(2026, 11, 25, 4, tzinfo=UTC)


def correction(key="c-1|3", **changes):
    return Correction(
        **{"property_key": key, "source": "不动产登记簿", "corrected_by": "E1024", "corrected_at": NOW} | changes
    )


@pytest.mark.requirement("AD7")
def test_a_correction_keeps_what_it_does_not_speak_of():
    first = corrected(None, correction(facts={"built_year": 2004, "has_lift": False}, tags=frozenset({"DISPUTED"})))
    second = corrected(
        first, correction(facts={"built_year": 2005}, source="现场勘察", corrected_by="E2", valuation_id="v-1")
    )
    assert (second.built_year, second.has_lift, second.tags) == (2005, False, ("DISPUTED",))
    assert (second.source, second.corrected_by, second.valuation_id) == ("现场勘察", "E2", "v-1")


def test_a_cleared_fact_is_unknown_again():
    first = corrected(None, correction(facts={"built_year": 2004, "tradability": Tradability.RESTRICTED}))
    cleared = corrected(first, correction(cleared=frozenset({"built_year", "tradability"})))
    assert (cleared.built_year, cleared.tradability) == (None, Tradability.UNKNOWN)


def test_a_tag_comes_and_goes():
    tagged = corrected(None, correction(tags=frozenset({"THINLY_TRADED", "DISPUTED"})))
    assert corrected(tagged, correction(untagged=frozenset({"DISPUTED"}))).tags == ("THINLY_TRADED",)


def test_an_impossible_house_is_refused():
    low = corrected(None, correction(facts={"total_floors": 6}))
    with pytest.raises(CorrectionError, match="above the roof"):
        corrected(low, correction(facts={"floor": 7}))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("built_year", "2004", 2004),
        ("floor", "-1", -1),
        ("has_lift", "是", True),
        ("has_lift", "no", False),
        ("property_type", "villa", PropertyType.VILLA),
        ("structure", " 钢混 ", "钢混"),
    ],
)
def test_facts_are_read_as_people_write_them(name, text, value):
    assert checked_fact(name, text) == value


@pytest.mark.parametrize(
    ("check", "text", "says"),
    [
        (lambda text: checked_fact("built_year", text), "204", "from 1840 to 2100"),
        (lambda text: checked_fact("built_year", text), "两千", "whole number"),
        (lambda text: checked_fact("tradability", text), "maybe", "one of TRADABLE"),
        (lambda text: checked_fact("has_lift", text), "perhaps", "yes or no"),
        (lambda text: checked_fact("owner", text), "x", "there is no such fact"),
        (checked_tag, "NICE", "DISPUTED, THINLY_TRADED"),
        (checked_person, "张三", "no name of a person"),
        (checked_source, "  ", "on what evidence"),
        (checked_key, "|3", "is no key"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(check, text, says):
    with pytest.raises(CorrectionError, match=says):
        check(text)


@pytest.mark.requirement("SE1")
def test_numbers_of_persons_do_not_get_into_the_evidence():
    assert "330106199003074519" not in checked_source("身份证 330106199003074519")


def write_table(folder, *lines):
    file = folder / "corrections.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.mark.requirement("AD7")
def test_a_file_is_taken_row_by_row_and_bad_rows_name_line_and_reason(tmp_path):
    file = write_table(
        tmp_path,
        "property_key,built_year,tags,source,corrected_by,corrected_at",
        "c-1|3号楼,2004,DISPUTED|THINLY_TRADED,登记簿,E1,2026-11-01T08:00:00+08:00",
        "c-1|3号楼,,,,,",
        ",2004,,登记簿,E1,",
        "c-2,1066,,登记簿,E1,",
        "c-3,2001,,登记簿,E1,2026-11-01",
    )
    rows = list(read_corrections(file, now=NOW, by="E9", source="复核"))
    (_, good), (_, stood_in), *bad = rows
    assert (good.property_key, good.facts, good.tags) == (
        "c-1|3", {"built_year": 2004}, frozenset({"DISPUTED", "THINLY_TRADED"}),
    )  # fmt: skip
    assert good.corrected_at == datetime(2026, 11, 1, tzinfo=UTC)
    assert (stood_in.corrected_by, stood_in.source, stood_in.corrected_at) == ("E9", "复核", NOW)
    assert [(row.line, row.column) for _, row in bad if isinstance(row, RejectedRow)] == [
        (4, "property_key"), (5, "built_year"), (6, "corrected_at"),
    ]  # fmt: skip


def test_a_file_without_who_and_evidence_is_refused(tmp_path):
    file = write_table(tmp_path, "property_key,built_year", "c-1,2004")
    ((_, refused),) = read_corrections(file, now=NOW)
    assert refused.column == "source"


def test_a_column_that_does_not_exist_is_named(tmp_path):
    file = write_table(tmp_path, "property_key,owner", "c-1,somebody")
    ((_, refused),) = read_corrections(file, now=NOW, by="E1", source="s")
    assert (refused.column, "built_year" in refused.reason) == ("owner", True)


@pytest.mark.requirement("AD7")
def test_what_is_exported_can_be_imported_and_is_the_same(tmp_path):
    facts = {
        "property_type": PropertyType.APARTMENT, "tradability": Tradability.TRADABLE, "floor": 5, "total_floors": 18,
        "built_year": 2004, "rooms": 3, "halls": 0, "building_type": "塔楼", "structure": "钢混", "renovation": "精装",
        "has_lift": True, "near_metro": False, "area_m2": 88.5, "usage": "成套住宅",
    }  # fmt: skip
    assert facts.keys() == set(FACTS)
    record = corrected(None, correction(facts=facts, tags=frozenset({"DISPUTED"}), valuation_id="v-1"))
    out = StringIO()
    assert write_records([record], out) == 1
    file = write_table(tmp_path, out.getvalue())
    ((_, again),) = read_corrections(file, now=NOW)
    assert corrected(None, again) == record


def test_every_field_of_a_record_has_a_column():
    assert set(COLUMNS) == {field.name for field in fields(PropertyRecord)}
