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
    with pytest.raises(MappingError, match="known only after the price"):
        parse_mapping(_deals(columns=columns), "m.toml")


def test_forbidden_columns_are_refused_in_templates_too():
    columns = {k: v for k, v in _deals()["columns"].items() if k != "deal_id"}
    with pytest.raises(MappingError, match="known only after the price"):
        parse_mapping(_deals(columns=columns, templates={"deal_id": "x-{DOM}"}), "m.toml")


def test_a_broken_file_is_told_by_name(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("target = ", encoding="utf-8")
    with pytest.raises(MappingError, match=r"broken\.toml: it is no TOML file"):
        read_mapping(path)


@pytest.mark.parametrize("path", sorted(_EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_the_example_mappings_are_valid(path):
    assert read_mapping(path).columns


def test_a_table_with_our_own_names_needs_no_mapping():
    mapping = own_names(Target.DEALS, ("deal_id", "area_m2", "something else"))
    assert mapping.columns == {"deal_id": "deal_id", "area_m2": "area_m2"}
