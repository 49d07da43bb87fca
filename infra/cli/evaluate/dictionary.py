"""Community dictionaries as they come: any table with a column of names, from which communities are made to be found.

With a mapping file a row is read as `avm reference load` reads it. Without one, common names of columns are recognised;
the city is the column's, else `--city`, else the one the file is named after (beijing_communities.parquet).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from infra.reference.mapping import MappingError, Target, read_mapping
from infra.reference.rows import RejectedRow, read_rows
from infra.reference.tables import Line, UnreadableTableError, read_lines
from schemas.domain.divisions import Divisions, divisions
from schemas.domain.pinyin import syllables
from schemas.events import Community

_NAMES: Final = (
    *(
        "community",
        "community_name",
        "name",
        "小区",
        "小区名称",
        "小区名",
        "楼盘",
        "楼盘名称",
        "名称",
        "xiaoqu",
        "resblock",
    ),
    *("residential_name", "estate", "project_name", "title"),
)
_DISTRICTS: Final = ("district", "区县", "行政区", "区", "district_name", "county", "area", "region")
_CITIES: Final = ("city", "城市", "city_name", "市")
_IDS: Final = ("community_id", "Cid", "cid", "id", "小区编号")
_ALIASES: Final = ("aliases", "alias", "别名")
_ROADS: Final = ("road", "address", "地址")


class DictionaryError(ValueError):
    """A dictionary cannot be used; the message says why and what to do."""


def read_dictionary(path: Path, *, mapping: Path | None = None, city: str | None = None) -> tuple[Community, ...]:
    """The communities of a file.

    Raises:
        DictionaryError: No table, no column of names, or no city; or a mapping that does not fit.
    """
    try:
        found = tuple(_by_mapping(path, mapping) if mapping else _recognised(path, city))
    except (UnreadableTableError, MappingError, OSError) as error:
        raise DictionaryError(str(error)) from error
    if not found:
        raise DictionaryError(f"{path.name} holds no community with a name of two characters or more")
    return found


def _by_mapping(path: Path, mapping: Path) -> Iterator[Community]:
    chosen = read_mapping(mapping)
    if chosen.target is not Target.COMMUNITIES:
        raise DictionaryError(f"{mapping.name} maps {chosen.target}; a mapping for communities is needed")
    # No field of a community is checked against the day, so the same file gives the same answer on every day.
    for row in read_rows(path, chosen, today=date.max):
        if isinstance(row, Community):
            yield row
        elif isinstance(row, RejectedRow):
            continue  # counted by `avm reference load --dry-run`, which says why


def _recognised(path: Path, city: str | None) -> Iterator[Community]:
    known, columns = divisions(), dict[str, str | None]()
    of_all = _full_city(city, known) if city else _city_of_file(path, known)
    for line in read_lines(path):
        columns = columns or _columns(line.values, path)
        community = _community(line, columns, of_all, path, known)
        if community is not None:
            yield community


def _columns(values: Mapping[str, Any], path: Path) -> dict[str, str | None]:
    lower = {name.strip().lower(): name for name in values}
    wanted = {"name": _NAMES, "district": _DISTRICTS, "city": _CITIES, "id": _IDS, "aliases": _ALIASES, "road": _ROADS}
    found = {field: _first(lower, names) for field, names in wanted.items()}
    if found["name"] is None:
        have = ", ".join(values)
        raise DictionaryError(
            f"{path.name} has no column of names that is recognised (it has {have}); "
            f"call it `name`, or give a --mapping (docs/reference-data.md)"
        )
    return found


def _first(columns: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((columns[name.lower()] for name in names if name.lower() in columns), None)


def _community(
    line: Line, columns: Mapping[str, str | None], of_all: str | None, path: Path, known: Divisions
) -> Community | None:
    def said(field: str) -> str:
        column = columns[field]
        value = line.values.get(column) if column else None
        return str(value).strip() if value is not None else ""

    name = said("name")
    if len(name) < 2:  # noqa: PLR2004 - one character is no name
        return None
    city = _full_city(said("city"), known) if said("city") else of_all
    if city is None:
        raise DictionaryError(f"{path.name} does not say in which city its communities lie; give --city, e.g. 杭州市")
    district = said("district")
    county = known.county(city, district) if district else None
    return Community(
        community_id=f"{path.stem}-{said('id') or line.number}",
        name=name,
        province=county.province if county else known.cities.get(city, (city, city))[0],
        city=city,
        district=county.name if county else district,
        aliases=tuple(filter(None, said("aliases").split("|"))),
        road=said("road") or None,
        source=path.name,
    )


def _full_city(name: str, known: Divisions) -> str | None:
    found = known.city(name)
    if found is None:
        raise DictionaryError(f"there is no city {name!r}; write it as 杭州市 or 杭州")
    return found


def _city_of_file(path: Path, known: Divisions) -> str | None:
    """The city a file is named after in pinyin or Chinese, when there is only one of that sound."""
    first = path.stem.replace("-", "_").split("_")[0].lower()
    found = {full for name, (_, full) in known.cities.items() if first in {name, "".join(syllables(name))}}
    return next(iter(found)) if len(found) == 1 else None
