import pytest

from schemas.domain.divisions import divisions, shortened


def test_the_list_is_the_one_we_know():
    known = divisions()
    assert known.as_of >= "2025-12-31"
    assert len(known.counties) > 2_800
    assert known.counties["110105"].name == "朝阳区"
    assert not any(code[:2] in {"71", "81", "82"} for code in known.counties)


@pytest.mark.parametrize(
    ("city", "name", "code"),
    [
        ("北京", "朝阳", "110105"),
        ("北京市", "宣武区", "110102"),
        ("杭州市", "西湖区", "330106"),
        ("重庆市", "渝北区", "500112"),
        ("东莞市", "东莞市", "441900"),
        ("北京市", "亦庄开发区", None),
        ("南京市", "朝阳区", None),
    ],
)
def test_a_county_is_found_in_its_city_by_any_of_its_names(city, name, code):
    county = divisions().county(city, name)
    assert (county.code if county else None) == code


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("浙江省", "浙江"),
        ("广西壮族自治区", "广西"),
        ("恩施土家族苗族自治州", "恩施"),
        ("赵县", "赵县"),
        ("大理白族自治州", "大理"),
    ],
)
def test_names_are_shortened_as_people_do(name, short):
    assert shortened(name) == short
