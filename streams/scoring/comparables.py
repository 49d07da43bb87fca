"""Layer 1: comparables as a model.

Every past deal near the subject is adjusted to the subject and the value date, gets a weight by likeness, and the
estimate is a weighted sum of adjusted prices, shrunk from level to level (valuation guide §11): same plan, community,
neighbouring communities, business circle, district, city. Sparse: a subject meets some 150 deals, whatever the market.

The seam: `ComparableBook.compare(subjects) -> Comparison`. A Gaussian process may stand behind it one day.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from streams.scoring.attributes import Floats, Ints, rows_by, total_by
from streams.scoring.hedonics import FACTOR_OF_FIELD, FACTORS, FIELDS, Hedonics
from streams.scoring.index import PriceIndex
from streams.scoring.market import LEVELS, Market, Rows

_OF_COMMUNITY: Final = 48  # latest deals of the community looked at
_OF_NEIGHBOUR: Final = 6  # latest deals of each neighbouring community
_SAME_PLAN: Final = 0.01  # areas within 1 % are mostly the same 户型 stack
_GROUP_DAYS: Final = 180.0  # e-folding age of deals in the means of circle, district and city
_EPOCH: Final = 730_000  # keeps the growing weights of the running sums in range until 2060
FIELD_FACTOR: Final = np.array([FACTORS.index(factor) for factor in FACTOR_OF_FIELD])
TIME: Final = FACTORS.index("TIME")
OTHER: Final = FACTORS.index("OTHER")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """How likeness fades, and how much evidence a level needs before it outweighs the next one. Fitted at training."""

    community_area: float = 0.20  # e-folding difference of log area
    community_days: float = 90.0
    community_prior: float = 0.7  # in deals
    plan_days: float = 90.0
    plan_prior: float = 1.5
    near_km: float = 0.5
    near_area: float = 0.5
    near_days: float = 120.0
    near_prior: float = 0.5
    building: float = 0.5  # e-folding difference of log total floors; applies where both are known
    years: float = 10.0  # e-folding difference of build year
    circle_prior: float = 8.0
    district_prior: float = 20.0
    clip: float = 0.25  # an adjusted price counts at most this far from the first estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What the layer learned: effects, index, kernel, and the standard log price of the whole segment."""

    hedonics: Hedonics
    index: PriceIndex
    kernel: Kernel
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """What is to be valued, as columns.

    `day` is the value date; deals known before the day `known` are looked at. `own` is the subject's own row among the
    deals (-1: none), never looked at. `cold` 1 hides all deals of its
    community: how the subject would be valued if it were the first one sold there.
    """

    community: Ints
    city: Ints
    district: Ints
    circle: Ints
    day: Ints
    known: Ints
    log_area: Floats
    numeric: Floats
    texts: Ints
    own: Ints
    cold: Ints

    def __len__(self) -> int:
        return len(self.day)

    def taken(self, rows: Ints) -> "Subjects":
        """The subjects at these places."""
        return Subjects(**{name: getattr(self, name)[rows] for name in Subjects.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Pairs of subject and past deal. Sorted by subject; `time`, `fields` adjust the deal towards the subject (log)."""

    subject: Ints
    row: Ints
    same_community: Floats
    km: Floats
    age_days: Floats
    area_gap: Floats
    floors_gap: Floats
    years_gap: Floats
    usable: Floats
    time: Floats
    fields: Floats
    adjusted: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Estimates of the log unit price by level, for each subject, and the evidence behind them."""

    plan: Floats
    community: Floats
    near: Floats
    circle: Floats
    district: Floats
    city: Floats
    plan_weight: Floats
    community_weight: Floats
    near_weight: Floats
    candidate_weight: Floats  # share of each candidate in `plan`, the estimate of the layer
    group_weight: Floats  # share of the circle's level in it
    clipped: Floats  # adjusted prices as they were counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The layer's answer: `log_value` = `base` + Σ `parts` (by `FACTORS`), exactly but for floating point."""

    log_value: Floats
    base: Floats
    parts: Floats
    fallback_level: Ints
    candidates: Candidates
    levels: Levels
    own_fields: Floats
    spread: Floats  # of the community's adjusted prices, log; NaN where it has no deal
    features: Floats


class ComparableBook:
    """A market seen with the effects, the index and the kernel of one model. Follows the market as it grows."""

    def __init__(self, market: Market, layer: Layer) -> None:
        self.market, self.layer = market, layer
        self.hedonics, self.index, self.kernel = layer.hedonics, layer.index, layer.kernel
        self._fields = np.zeros((0, len(FIELDS)))
        self._level_at_deal = np.zeros(0)
        self._standard = np.zeros(0)
        self._sums: dict[str, tuple[Floats, Floats, Floats]] = {}
        self._index_rows = layer.index.rows([])
        self._version = -1

    def follow(self) -> None:
        """Take in what the market has learned since the last call."""
        self.market.settle()
        if self._version == self.market.version:
            return
        done, rows = len(self._standard), self.market.rows
        self._index_rows = self.index.rows(self.market.places.cities.texts)
        fresh = rows if done == 0 else rows.taken(np.arange(done, len(rows)))
        fields = self._contributions(fresh)
        level = self.index.at(self._index_rows[fresh.city], fresh.day)
        self._fields = np.concatenate([self._fields, fields])
        self._level_at_deal = np.concatenate([self._level_at_deal, level])
        self._standard = np.concatenate([self._standard, fresh.log_price - level - np.nansum(fields, axis=1)])
        self._sums = {name: self._running_sums(name) for name in LEVELS}
        self._version = self.market.version

    def compare(self, subjects: Subjects) -> Comparison:
        """Value subjects by deals known before their day. One answer never depends on the other subjects."""
        self.follow()
        own_fields = self._contributions(subjects)
        candidates = self.candidates(subjects, own_fields)
        return self.summarise(subjects, own_fields, candidates, self.levels(subjects, own_fields, candidates))

    def movement(self, subjects: Subjects, days: int) -> Floats:
        """Log movement of the index over the `days` before each subject's day."""
        row = self._index_rows[subjects.city]
        return self.index.at(row, subjects.day) - self.index.at(row, subjects.day - days)

    def own_effects(self, subjects: Subjects) -> Floats:
        """Effects of the subjects' own attributes (n x `FIELDS`), NaN where unknown."""
        return self._contributions(subjects)

    def candidates(self, subjects: Subjects, own_fields: Floats) -> Candidates:
        """The pairs of subjects and deals, with what the kernel needs to weigh them."""
        n, rows = len(subjects), self.market.rows
        near, far = self.market.places.neighbours(subjects.community)
        place = np.column_stack([subjects.community, near])
        first, last = self.market.by_community.before(place, subjects.known[:, None])
        most = np.full(place.shape[1], _OF_NEIGHBOUR)
        most[0] = _OF_COMMUNITY
        count = np.minimum(last - first, most)
        count[subjects.cold > 0, 0] = 0
        flat = count.ravel()
        start = (last - count).ravel()
        pair = np.repeat(np.arange(len(flat)), flat)
        position = np.arange(len(pair)) - np.repeat(np.cumsum(flat) - flat, flat) + start[pair]
        row = self.market.by_community.order[position]
        who = pair // place.shape[1]
        own_place = pair % place.shape[1] == 0
        km = np.column_stack([np.zeros(n), far]).ravel()[pair]
        time = self.index.at(self._index_rows[rows.city[row]], subjects.day[who]) - self._level_at_deal[row]
        gap = own_fields[who] - self._fields[row]
        fields = np.where(np.isnan(gap), 0.0, gap)
        return Candidates(
            subject=who,
            row=row,
            same_community=own_place.astype(np.float64),
            km=km,
            age_days=(subjects.day[who] - rows.day[row]).astype(np.float64),
            area_gap=np.abs(subjects.log_area[who] - rows.log_area[row]),
            floors_gap=_gap(np.log(subjects.numeric[:, 1]), np.log(rows.numeric[:, 1]), who, row),
            years_gap=_gap(subjects.numeric[:, 2], rows.numeric[:, 2], who, row),
            usable=(row != subjects.own[who]).astype(np.float64),
            time=time,
            fields=fields,
            adjusted=rows.log_price[row] + time + fields.sum(axis=1),
        )

    def levels(self, subjects: Subjects, own_fields: Floats, candidates: Candidates) -> Levels:
        """The back-off, from the city down to the plan."""
        k, c, n = self.kernel, candidates, len(subjects)
        offset = self._offset(subjects, own_fields)
        city, district, circle = self._group_levels(subjects)
        alike = c.usable * np.exp(-c.floors_gap / k.building - c.years_gap / k.years)
        w_plan = c.usable * c.same_community * (c.area_gap < _SAME_PLAN) * np.exp(-c.age_days / k.plan_days)
        w_community = alike * c.same_community * np.exp(-c.area_gap / k.community_area - c.age_days / k.community_days)
        w_near = (
            alike
            * (1 - c.same_community)
            * np.exp(-c.km / k.near_km - c.area_gap / k.near_area - c.age_days / k.near_days)
        )
        sums = [total_by(c.subject, w, n) for w in (w_plan, w_community, w_near)]
        top = circle + offset
        shares = [1 / (s + p) for s, p in zip(sums, (k.plan_prior, k.community_prior, k.near_prior), strict=True)]
        left = [p * share for share, p in zip(shares, (k.plan_prior, k.community_prior, k.near_prior), strict=True)]

        def back_off(price: Floats) -> tuple[Floats, Floats, Floats]:
            near = total_by(c.subject, w_near * price, n) * shares[2] + left[2] * top
            community = total_by(c.subject, w_community * price, n) * shares[1] + left[1] * near
            return near, community, total_by(c.subject, w_plan * price, n) * shares[0] + left[0] * community

        first = back_off(c.adjusted)[2][c.subject]
        clipped = np.clip(c.adjusted, first - k.clip, first + k.clip)
        near, community, plan = back_off(clipped)
        weight = (w_plan * shares[0][c.subject]) + left[0][c.subject] * (
            w_community * shares[1][c.subject] + left[1][c.subject] * w_near * shares[2][c.subject]
        )
        return Levels(
            plan=plan,
            community=community,
            near=near,
            circle=top,
            district=district + offset,
            city=city + offset,
            plan_weight=sums[0],
            community_weight=sums[1],
            near_weight=sums[2],
            candidate_weight=weight,
            group_weight=left[0] * left[1] * left[2],
            clipped=clipped,
        )

    def summarise(self, subjects: Subjects, own_fields: Floats, candidates: Candidates, levels: Levels) -> Comparison:
        """The answer in additive parts, and the features for the next layer."""
        c, n, rows = candidates, len(subjects), self.market.rows
        weight, rest = levels.candidate_weight, levels.group_weight
        known_fields = np.nan_to_num(own_fields)
        parts = np.zeros((n, len(FACTORS)))
        parts[:, TIME] = total_by(c.subject, weight * c.time, n)
        moved = rows_by(c.subject, weight[:, None] * c.fields, n) + rest[:, None] * known_fields
        for place, factor in enumerate(FIELD_FACTOR):
            parts[:, factor] += moved[:, place]
        parts[:, OTHER] += total_by(c.subject, weight * (levels.clipped - c.adjusted), n)
        features = self._features(subjects, own_fields, c, levels, rows)
        return Comparison(
            log_value=levels.plan,
            base=levels.plan - parts.sum(axis=1),
            parts=parts,
            fallback_level=_fallback_level(c, subjects, levels, self._counts(subjects)),
            candidates=c,
            levels=levels,
            own_fields=own_fields,
            spread=features[:, FEATURES.index("community_spread")],
            features=features,
        )

    # ---- inside ---------------------------------------------------------------------------------------------------

    def _contributions(self, described: Rows | Subjects) -> Floats:
        return self.hedonics.contributions(
            described.log_area, described.numeric, described.texts, self.market.vocabularies
        )

    def _offset(self, subjects: Subjects, own_fields: Floats) -> Floats:
        """From the standard flat at the index's first day to the subject at its day."""
        effects: Floats = np.nan_to_num(own_fields).sum(axis=1)
        return self.index.at(self._index_rows[subjects.city], subjects.day) + effects

    def _running_sums(self, level: str) -> tuple[Floats, Floats, Floats]:
        """Of weights, weighted standard prices and counts along a shelf; [i] covers the first i rows."""
        order = self.market.by_level[level].order
        weight = np.exp((self.market.rows.day[order] - _EPOCH) / _GROUP_DAYS)
        price = weight * self._standard[order]
        return _from_zero(weight), _from_zero(price), np.arange(len(order) + 1.0)

    def _sum_before(self, level: str, subjects: Subjects) -> tuple[Floats, Floats, Floats]:
        """Weight, weighted price and count of what is known of the subject's place, without the subject itself."""
        place = getattr(subjects, level)
        first, last = self.market.by_level[level].before(place, subjects.known)
        fade = np.exp(-(subjects.day - _EPOCH) / _GROUP_DAYS)
        weight, price, count = (running[last] - running[first] for running in self._sums[level])
        own = subjects.own
        if (own >= 0).any():
            rows = self.market.rows
            counted = (
                (own >= 0) & (getattr(rows, level)[own] == place) & (rows.known[own] < subjects.known) & (place >= 0)
            )
            taken = np.where(counted, np.exp((rows.day[own] - _EPOCH) / _GROUP_DAYS), 0.0)
            weight, price, count = weight - taken, price - taken * self._standard[own], count - counted
        return weight * fade, price * fade, count

    def _counts(self, subjects: Subjects) -> dict[str, Floats]:
        return {level: self._sum_before(level, subjects)[2] for level in LEVELS}

    def _group_levels(self, subjects: Subjects) -> tuple[Floats, Floats, Floats]:
        """Standard log prices of city, district and circle; the whole segment stands behind a city without deals."""
        weight, price, _ = self._sum_before("city", subjects)
        city = (price + self.layer.level) / (weight + 1.0)
        weight, price, _ = self._sum_before("district", subjects)
        district = (price + self.kernel.district_prior * city) / (weight + self.kernel.district_prior)
        weight, price, _ = self._sum_before("circle", subjects)
        circle = (price + self.kernel.circle_prior * district) / (weight + self.kernel.circle_prior)
        return city, district, circle

    def _features(self, subjects: Subjects, own_fields: Floats, c: Candidates, levels: Levels, rows: Rows) -> Floats:
        """The columns of `FEATURES`, each from deals known before the subject's day alone."""
        n = len(subjects)
        value = levels.plan
        here = c.usable * c.same_community
        weight = here * np.exp(-c.area_gap / self.kernel.community_area - c.age_days / self.kernel.community_days) + (
            here * 1e-6
        )
        near = (
            c.usable * (1 - c.same_community) * np.exp(-c.km / self.kernel.near_km - c.area_gap / self.kernel.near_area)
        )
        total, total_near = total_by(c.subject, weight, n), total_by(c.subject, near, n)
        count = total_by(c.subject, here, n)

        def mean(of: Floats, by: Floats, over: Floats) -> Floats:
            return _ratio(total_by(c.subject, by * of, n), over)

        off = c.adjusted - value[c.subject]
        raw = rows.log_price[c.row] + c.time - value[c.subject]
        community_off, near_off = mean(off, weight, total), mean(off, near, total_near)
        spread = np.sqrt(np.maximum(mean(off**2, weight, total) - community_off**2, 0))
        spread_near = np.sqrt(np.maximum(mean(off**2, near, total_near) - near_off**2, 0))
        least = _least(
            c.subject,
            np.column_stack(
                [
                    np.where(here > 0, c.area_gap, np.inf),
                    np.where(here > 0, c.age_days, np.inf),
                    np.where((here > 0) | (c.usable == 0), np.inf, c.km),
                ]
            ),
            n,
        )
        plan = here * (c.area_gap < _SAME_PLAN)
        n_plan = total_by(c.subject, plan, n)
        coordinates = self.market.places.coordinates(subjects.community)
        looks = _known_means(c.subject, weight, self._fields[:, _LOOK_COLUMNS][c.row], n)
        columns = {
            "plan_gap": mean(off, plan, n_plan),
            "community_gap": community_off,
            "community_raw_gap": mean(raw, weight, total),
            "near_gap": near_off,
            "near_raw_gap": mean(raw, near, total_near),
            "circle_gap": levels.circle - value,
            "district_gap": levels.district - value,
            "city_gap": levels.city - value,
            "plan_count": n_plan,
            "community_count": count,
            "plan_weight": levels.plan_weight,
            "community_weight": levels.community_weight,
            "near_weight": levels.near_weight,
            "effective_count": _ratio(total**2, total_by(c.subject, weight**2, n)),
            "community_spread": spread,
            "near_spread": spread_near,
            "closest_area": least[:, 0],
            "newest_days": least[:, 1],
            "nearest_km": least[:, 2],
            "group_weight": levels.group_weight,
            "longitude": coordinates[:, 0],
            "latitude": coordinates[:, 1],
            "level": value - own_fields[:, 0] - self.index.at(self._index_rows[subjects.city], subjects.day),
            "log_area": subjects.log_area,
            **{f"their_{name}": look for name, look in zip(_LOOKS, looks.T, strict=True)},
            **{f"own_{name}": own_fields[:, FIELDS.index(name)] for name in FIELDS[1:]},
            "floor": subjects.numeric[:, 0],
            "total_floors": subjects.numeric[:, 1],
            "built_year": subjects.numeric[:, 2],
            "rooms": subjects.numeric[:, 3],
        }
        return np.column_stack([columns[name] for name in FEATURES]).astype(np.float32)


_LOOKS: Final = (
    "floor_band",
    "building_type",
    "structure",
    "built_year",
    "renovation",
    "rooms",
    "total_floors",
    "five_years",
)
_LOOK_COLUMNS: Final = [FIELDS.index(name) for name in _LOOKS]
FEATURES: Final = (
    "plan_gap", "community_gap", "community_raw_gap", "near_gap", "near_raw_gap", "circle_gap", "district_gap",
    "city_gap", "plan_count", "community_count", "plan_weight", "community_weight", "near_weight", "effective_count",
    "community_spread", "near_spread", "closest_area", "newest_days", "nearest_km", "group_weight", "longitude",
    "latitude", "level", "log_area", *(f"their_{name}" for name in _LOOKS), *(f"own_{name}" for name in FIELDS[1:]),
    "floor", "total_floors", "built_year", "rooms",
)  # fmt: skip


def kernel_from_json(stored: dict[str, Any]) -> Kernel:
    """A kernel from plain values."""
    return replace(Kernel(), **stored)


def kernel_as_json(kernel: Kernel) -> dict[str, Any]:
    """Plain values of a kernel."""
    return asdict(kernel)


def _fallback_level(c: Candidates, subjects: Subjects, levels: Levels, counts: dict[str, Floats]) -> Ints:
    """The deepest level with evidence: 0 plan, 2 community, 3 neighbours, 4 circle, 5 district, 6 city."""
    n = len(subjects)
    here = total_by(c.subject, c.usable * c.same_community, n)
    return np.select(
        [levels.plan_weight > 0, here > 0, levels.near_weight > 1, counts["circle"] > 0, counts["district"] > 0],
        [0, 2, 3, 4, 5],
        6,
    )


def _gap(mine: Floats, theirs: Floats, who: Ints, row: Ints) -> Floats:
    """Absolute difference; 0 where either is unknown."""
    return np.nan_to_num(np.abs(mine[who] - theirs[row]), posinf=0.0)


def _from_zero(values: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values)])


def _ratio(above: Floats, below: Floats) -> Floats:
    """NaN where there is nothing below."""
    result: Floats = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return result


def _least(subject: Ints, columns: Floats, n: int) -> Floats:
    """The least of each column for each subject; NaN where all are infinite or there are none."""
    least = rows_by(subject, columns, n, np.minimum, empty=np.inf)
    return np.where(np.isinf(least), np.nan, least)


def _known_means(subject: Ints, weight: Floats, columns: Floats, n: int) -> Floats:
    """Weighted mean of each column over its known values; NaN where none is known."""
    known = ~np.isnan(columns)
    above = rows_by(subject, np.where(known, columns, 0.0) * weight[:, None], n)
    below = rows_by(subject, known * weight[:, None], n)
    means: Floats = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return means
