import re
from pathlib import Path

import pytest

from infra.reference.mapping import MappingError, Target, own_names, parse_mapping, read_mapping

_EXAMPLES = Path(__file__).parents[4] / "docs" / "examples"


def _deals(**changes):
    return {
        "target": "deals",
        "columns": {
            "deal_id": "id",
            "deal_date": "day",
            "area_m2": "area",
            "unit_price": "price",
            "community_id": "home",
        },
        "constants": {"city": "北京市"},
    } | changes


def test_a_mapping_knows_the_columns_it_reads():
    mapping = parse_mapping(_deals(checks={"total": "sum", "total_unit": "万元"}), "m.toml")
    assert mapping.target is Target.DEALS
    assert mapping.columns_read == {"id", "day", "area", "price", "home", "sum"}


def test_all_problems_of_a_mapping_are_told_at_once():
    content = _deals(
        columns={"deal_id": "id", "colour": "c", "city": "town"},
        transforms={"unit_price": {"unit": "dollars"}, "deal_date": {"shape": "x"}},
        datum="mars",
        surprise=1,
    )
    with pytest.raises(MappingError) as caught:
        parse_mapping(content, "m.toml")
    told = "\n".join(caught.value.problems)
    for problem in (
        "'surprise'",
        "no field 'colour'",
        "'city' is filled twice",
        "'area_m2' is not filled",
        "unit is 'dollars'",
        "shape is unknown",
        "datum is 'mars'",
    ):
        assert problem in told


def test_a_mapping_needs_a_target():
    with pytest.raises(MappingError, match="target is 'houses'"):
        parse_mapping({"target": "houses"}, "m.toml")


@pytest.mark.parametrize("column", ["DOM", "followers", "communityAverage"])
def test_columns_known_only_after_the_price_are_refused(column):
    columns = _deals()["columns"] | {"rooms": column}
    with pytest.raises(MappingError, match="may not be read"):
        parse_mapping(_deals(columns=columns), "m.toml")


def test_forbidden_columns_are_refused_in_templates_too():
    columns = {k: v for k, v in _deals()["columns"].items() if k != "deal_id"}
    with pytest.raises(MappingError, match="may not be read"):
        parse_mapping(_deals(columns=columns, templates={"deal_id": "x-{DOM}"}), "m.toml")


def test_a_broken_file_is_told_by_name(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("target = ", encoding="utf-8")
    with pytest.raises(MappingError, match=r"broken\.toml: it is no TOML file"):
        read_mapping(path)


_EXAMPLE_MAPPINGS = [path for path in sorted(_EXAMPLES.glob("*.toml")) if "target = " in path.read_text("utf-8")]


@pytest.mark.parametrize("path", _EXAMPLE_MAPPINGS, ids=lambda path: path.name)
def test_the_example_mappings_are_valid(path):
    assert read_mapping(path).columns


def test_a_table_with_our_own_names_needs_no_mapping():
    mapping = own_names(Target.DEALS, ("deal_id", "area_m2", "something else"))
    assert mapping.columns == {"deal_id": "deal_id", "area_m2": "area_m2"}


def test_a_unit_price_is_derived_from_total_and_area():
    columns = {name: column for name, column in _deals()["columns"].items() if name != "unit_price"}
    mapping = parse_mapping(
        _deals(columns=columns, derive={"unit_price": "total / area"}, checks={"total": "sum"}), "m.toml"
    )
    assert mapping.derives_unit_price
    assert "sum" in mapping.columns_read


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"derive": {"unit_price": "total / rooms"}, "checks": {"total": "sum"}}, 'only unit_price = "total / area"'),
        ({"derive": {"area_m2": "total / area"}, "checks": {"total": "sum"}}, "derive.area_m2"),
        ({"derive": {"unit_price": "total / area"}}, "name it as checks.total"),
        ({"derive": {"unit_price": "total / area"}, "checks": {"total": "sum"}}, "'unit_price' is filled twice"),
        ({"further": {"Land Area": "lot"}}, "no plain name"),
        ({"further": {"rooms": "bedrooms"}}, "field of its own"),
        ({"further": {"land_m2": 5}}, "must name a column"),
        ({"columns": {**_deals()["columns"], "further": "lot"}}, "no field 'further'"),
        ({"transforms": {"land_m2": {"unit": "㎡"}}}, "no field 'land_m2'"),
        ({"region": "moon"}, "region is 'moon'"),
    ],
)
def test_derivations_further_numbers_and_regions_are_checked(changes, says):
    with pytest.raises(MappingError, match=re.escape(says)):
        parse_mapping(_deals(**changes), "m.toml")


def test_further_numbers_belong_to_deals():
    content = {"target": "communities", "columns": {}, "further": {"land_m2": "lot"}}
    with pytest.raises(MappingError, match="communities have no further numbers"):
        parse_mapping(content, "m.toml")


def test_further_numbers_of_our_own_names_carry_a_prefix():
    mapping = own_names(Target.DEALS, ("deal_id", "further.land_m2", "land_m2"))
    assert mapping.further == {"land_m2": "further.land_m2"}
