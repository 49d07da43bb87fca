"""The stage set of the synthetic market: real cities and districts, invented price levels.

Division codes and names are those of the coverage table. Coordinates are rough centres, good enough to give distances
their order. Price levels, trends and sizes are made up and belong to no real market.
"""

from dataclasses import dataclass
from typing import Final

DATUM: Final = "WGS-84"  # that of the reference topics, so that loading shifts nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class District:
    """A county-level division with a rough centre."""

    code: str
    name: str
    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """A city of the market. `unit_price` in yuan/m² near the centre; `yearly_drift`, `share`: 0.02 = 2 %."""

    province: str
    name: str
    longitude: float
    latitude: float
    unit_price: int
    yearly_drift: float
    share: float
    districts: tuple[District, ...]


def _districts(prefix: str, rows: str) -> tuple[District, ...]:
    parsed = (row.split(",") for row in rows.split())
    return tuple(
        District(code=prefix + code, name=name, longitude=float(longitude), latitude=float(latitude))
        for code, name, longitude, latitude in parsed
    )


CITIES: Final = (
    City(
        province="浙江省",
        name="杭州市",
        longitude=120.17,
        latitude=30.26,
        unit_price=41_000,
        yearly_drift=-0.02,
        share=0.20,
        districts=_districts(
            "3301",
            "02,上城区,120.18,30.25 05,拱墅区,120.15,30.32 06,西湖区,120.13,30.27 08,滨江区,120.21,30.21 "
            "09,萧山区,120.27,30.17 10,余杭区,120.00,30.28 11,富阳区,119.95,30.06 12,临安区,119.72,30.23 "
            "13,临平区,120.30,30.42 14,钱塘区,120.35,30.31",
        ),
    ),
    City(
        province="上海市",
        name="上海市",
        longitude=121.47,
        latitude=31.23,
        unit_price=76_000,
        yearly_drift=0.01,
        share=0.18,
        districts=_districts(
            "3101",
            "01,黄浦区,121.48,31.22 04,徐汇区,121.44,31.18 05,长宁区,121.40,31.21 06,静安区,121.45,31.25 "
            "07,普陀区,121.39,31.25 09,虹口区,121.49,31.27 10,杨浦区,121.53,31.29 12,闵行区,121.38,31.11 "
            "13,宝山区,121.45,31.35 14,嘉定区,121.27,31.37 15,浦东新区,121.57,31.21 17,松江区,121.23,31.03 "
            "18,青浦区,121.12,31.15 20,奉贤区,121.47,30.92",
        ),
    ),
    City(
        province="北京市",
        name="北京市",
        longitude=116.40,
        latitude=39.91,
        unit_price=82_000,
        yearly_drift=0.015,
        share=0.18,
        districts=_districts(
            "1101",
            "01,东城区,116.42,39.93 02,西城区,116.36,39.91 05,朝阳区,116.48,39.93 06,丰台区,116.29,39.85 "
            "07,石景山区,116.21,39.91 08,海淀区,116.30,39.97 11,房山区,116.14,39.74 12,通州区,116.66,39.91 "
            "13,顺义区,116.65,40.13 14,昌平区,116.32,40.08 15,大兴区,116.34,39.74",
        ),
    ),
    City(
        province="江苏省",
        name="南京市",
        longitude=118.79,
        latitude=32.04,
        unit_price=36_000,
        yearly_drift=-0.03,
        share=0.11,
        districts=_districts(
            "3201",
            "02,玄武区,118.80,32.06 04,秦淮区,118.79,32.02 05,建邺区,118.73,32.00 06,鼓楼区,118.76,32.07 "
            "11,浦口区,118.63,32.06 13,栖霞区,118.91,32.10 14,雨花台区,118.78,31.97 15,江宁区,118.84,31.93 "
            "16,六合区,118.82,32.32",
        ),
    ),
    City(
        province="四川省",
        name="成都市",
        longitude=104.07,
        latitude=30.66,
        unit_price=21_000,
        yearly_drift=0.02,
        share=0.11,
        districts=_districts(
            "5101",
            "04,锦江区,104.10,30.63 05,青羊区,104.03,30.67 06,金牛区,104.05,30.70 07,武侯区,104.04,30.62 "
            "08,成华区,104.12,30.67 12,龙泉驿区,104.26,30.57 14,新都区,104.15,30.83 15,温江区,103.84,30.69 "
            "16,双流区,103.93,30.57 17,郫都区,103.89,30.80",
        ),
    ),
    City(
        province="湖北省",
        name="武汉市",
        longitude=114.30,
        latitude=30.59,
        unit_price=19_500,
        yearly_drift=-0.035,
        share=0.10,
        districts=_districts(
            "4201",
            "02,江岸区,114.31,30.62 03,江汉区,114.27,30.60 04,硚口区,114.24,30.58 05,汉阳区,114.22,30.55 "
            "06,武昌区,114.32,30.55 07,青山区,114.39,30.63 11,洪山区,114.36,30.50 12,东西湖区,114.14,30.63 "
            "15,江夏区,114.32,30.37 16,黄陂区,114.37,30.88",
        ),
    ),
    City(
        province="浙江省",
        name="宁波市",
        longitude=121.55,
        latitude=29.87,
        unit_price=25_500,
        yearly_drift=-0.01,
        share=0.06,
        districts=_districts(
            "3302",
            "03,海曙区,121.54,29.86 05,江北区,121.55,29.90 06,北仑区,121.84,29.90 11,镇海区,121.71,29.96 "
            "12,鄞州区,121.57,29.82 13,奉化区,121.41,29.66",
        ),
    ),
    City(
        province="广东省",
        name="广州市",
        longitude=113.29,
        latitude=23.12,
        unit_price=46_000,
        yearly_drift=0.005,
        share=0.06,
        districts=_districts(
            "4401",
            "03,荔湾区,113.24,23.11 04,越秀区,113.27,23.13 05,海珠区,113.32,23.08 06,天河区,113.36,23.13 "
            "11,白云区,113.27,23.18 12,黄埔区,113.46,23.11 13,番禺区,113.38,22.94 14,花都区,113.22,23.40 "
            "18,增城区,113.83,23.29",
        ),
    ),
)
