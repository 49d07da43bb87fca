"""Layer 1: comparables as a model.

Every past deal near the subject is adjusted to the subject and the value date and gets a weight by kriging
(`streams.scoring.kriging`): the estimate is a weighted sum of adjusted prices and of the level of the place. Beside it
stands the plain back-off from level to level (valuation guide §11): same plan, community, neighbouring communities,
business circle, district, city; what it says and where it differs are features of the next layer. Sparse: a subject
meets some 150 deals, whatever the market.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streams.scoring import kriging
from streams.scoring.attributes import NUMBERS, TEXTS, Floats, Ints, rows_by, total_by
from streams.scoring.columns import Column
from streams.scoring.covariance import Covariance, Points, Reals
from streams.scoring.hedonics import FACTOR_OF_FIELD, FACTORS, FIELDS, Hedonics, further_column
from streams.scoring.index import PriceIndex
from streams.scoring.market import LEVELS, Market, Rows
from streams.scoring.running import RunningSums
from streams.scoring.subjects import Subjects

_OF_COMMUNITY: Final = 48  # latest deals of the community looked at
_OF_NEIGHBOUR: Final = 8  # latest deals of each neighbouring community, the nearest first …
_OF_NEIGHBOURS: Final = 128  # … until there are so many
_OF_CIRCLE: Final = 96  # latest deals of the business circle, where a community has no coordinates
REACH: Final = 56  # deals that kriging weighs; 110 are no better and cost with the third power
_SAME_PLAN: Final = 0.01  # areas within 1 % are mostly the same 户型 stack
_AT_ONCE: Final = 100_000  # deals whose effects are worked out at once: bounds the memory that takes
_GROUP_DAYS: Final = 180.0  # e-folding age of deals in the means of circle, district and city
_EPOCH: Final = 730_000  # keeps the growing weights of the running sums in range until 2060
_COMMUNITY_AREA, _COMMUNITY_DAYS, _PLAN_DAYS = 0.20, 90.0, 90.0  # e-folding differences of log area and of days
_NEAR_KM, _NEAR_AREA, _NEAR_DAYS = 0.5, 0.5, 120.0
_BUILDING, _YEARS = 0.5, 10.0  # e-folding differences of log total floors and of build year, where both are known
_PLAN_PRIOR, _COMMUNITY_PRIOR, _NEAR_PRIOR = 1.5, 0.7, 0.5  # deals a level needs to weigh as much as the next one
_CIRCLE_PRIOR, _DISTRICT_PRIOR = 8.0, 20.0
_OF_FLAT: Final = [FIELDS.index(name) for name in ("floor_band", "top_without_lift", "renovation", "five_years")]
_OF_ADDRESS: Final = ("total_floors", "floor_band")
_OF_DESCRIPTION: Final = (*_OF_ADDRESS, "built_year", "building_type", "rooms")
_FLOORS, _YEAR, _ROOMS = (NUMBERS.index(name) for name in ("total_floors", "built_year", "rooms"))
_QUALITY: Final = [place for place, name in enumerate(FIELDS) if name not in {"area", "built_year", "total_floors"}]
_TYPICAL_AREA, _TYPICAL_PRIOR = 0.15, 3.0
FIELD_FACTOR: Final = np.array([FACTORS.index(factor) for factor in FACTOR_OF_FIELD])
TIME: Final = FACTORS.index("TIME")
OTHER: Final = FACTORS.index("OTHER")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What the layer learned: effects, index, covariances, and the standard log price of the whole segment.

    A subject is weighed by the covariance that asks for no more than is known of it.
    """

    hedonics: Hedonics
    index: PriceIndex
    covariances: Mapping[str, Covariance]  # by the names of `KINDS`
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Pairs of subject and past deal. Sorted by subject; `time`, `fields` adjust the deal towards the subject (log).

    `age_days` is without sign: a training row also looks at deals after its own day. `km`: infinite where unknown.
    """

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
    wanted: Floats  # of the subjects (n x `FIELDS`): effects they are adjusted to, the typical ones of a flat unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Estimates of the log unit price by level, for each subject, and the evidence behind them."""

    plan: Floats
    circle: Floats
    district: Floats
    city: Floats
    plan_weight: Floats
    community_weight: Floats
    near_weight: Floats
    circle_count: Floats
    district_count: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Kriged:
    """The estimate of the layer: Σ `candidate_weight` x `counted` + `group_weight` x the circle's level."""

    value: Floats
    sd: Floats  # of the deal price about it
    candidate_weight: Floats  # of each pair; may be negative where deals lie behind one another
    group_weight: Floats
    counted: Floats  # adjusted prices of the pairs as they were counted
    surprise: Floats  # of each pair: |the deal less what its neighbours say of it|, log; NaN where it was out of reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The layer's answer: `log_value` = `base` + Σ `parts` (by `FACTORS`), exactly but for floating point."""

    log_value: Floats
    base: Floats
    parts: Floats
    fallback_level: Ints
    candidates: Candidates
    levels: Levels
    kriged: Kriged
    spread: Floats  # of the community's adjusted prices, log; NaN where it has no deal
    silent: Floats  # days from the newest known deal of the city to the subject's; 0 where there is none
    features: Floats  # `FEATURES`, then the further numbers that the effects know


class ComparableBook:
    """A market seen with the effects, the index and the covariances of one model. Follows the market as it grows."""

    def __init__(self, market: Market, layer: Layer) -> None:
        self.market, self.layer = market, layer
        self.hedonics, self.index = layer.hedonics, layer.index
        self._of_deals = Column(np.zeros((0, len(FIELDS)))), Column(np.zeros(0)), Column(np.zeros(0))
        self._fields, self._level_at_deal, self._standard = (column.values for column in self._of_deals)
        self._sums = {level: RunningSums() for level in LEVELS}
        self._removed = 0  # rows of the market's `removed` that the sums have left out
        self._learned = {field for field, _ in layer.hedonics.labels}
        self._index_rows = layer.index.rows([])
        self._version = -1

    def follow(self) -> None:
        """Take in what the market has learned since the last call."""
        self.market.settle()
        self._index_rows = self.index.rows(self.market.places.cities.texts)  # the dictionary grows without deals too
        if self._version == self.market.version:
            return
        done, rows = len(self._standard), self.market.rows
        for start in range(done, len(rows), _AT_ONCE):
            self._take_in(rows.taken(np.arange(start, min(start + _AT_ONCE, len(rows)))))
        self._fields, self._level_at_deal, self._standard = (column.values for column in self._of_deals)
        changed = np.concatenate([np.arange(done, len(rows)), self.market.removed[self._removed :]])
        for level, sums in self._sums.items():
            sums.follow(self.market.by_level[level], getattr(rows, level), rows.known, changed, self._weighed)
        self._removed, self._version = len(self.market.removed), self.market.version

    def _take_in(self, fresh: Rows) -> None:
        fields = self._contributions(fresh)
        level = self.index.at(self._index_rows[fresh.city], fresh.day)
        standard = fresh.log_price - level - np.nansum(fields, axis=1)
        for column, values in zip(self._of_deals, (fields, level, standard), strict=True):
            column.append(values)

    def compare(self, subjects: Subjects) -> Comparison:
        """Value subjects by deals known before their day `known`. One answer never depends on the other subjects."""
        self.follow()
        own_fields = self._contributions(subjects)
        candidates = self.candidates(subjects, own_fields)
        levels = self.levels(subjects, candidates)
        return self.summarise(subjects, own_fields, candidates, levels)

    def movement(self, subjects: Subjects, days: int) -> Floats:
        """Log movement of the index over the `days` before each subject's day; drift is a forecast and no movement."""
        row, day = self._index_rows[subjects.city], subjects.day
        return self.index.at(row, day, drift=False) - self.index.at(row, day - days, drift=False)

    def candidates(self, subjects: Subjects, own_fields: Floats) -> Candidates:
        """The pairs of subjects and deals, with what is needed to weigh them."""
        rows = self.market.rows
        who, row = self._pairs(subjects)
        time = self.index.at(self._index_rows[rows.city[row]], subjects.day[who]) - self._level_at_deal[row]
        same = rows.community[row] == subjects.community[who]
        gap = np.abs(subjects.log_area[who] - rows.log_area[row])
        usable = (row != subjects.own[who]).astype(np.float64)
        wanted = self._with_typical(subjects, own_fields, who, row, usable * same * np.exp(-gap / _TYPICAL_AREA))
        differs = wanted[who] - self._fields[row]
        fields = np.where(np.isnan(differs), 0.0, differs)
        places = self.market.places
        km = np.linalg.norm(places.on_globe(subjects.community[who]) - places.on_globe(rows.community[row]), axis=1)
        return Candidates(
            subject=who,
            row=row,
            same_community=same.astype(np.float64),
            km=np.where(same, 0.0, np.nan_to_num(km, nan=np.inf)),
            age_days=np.abs(subjects.day[who] - rows.day[row]).astype(np.float64),
            area_gap=gap,
            floors_gap=_gap(np.log(subjects.numeric[who, _FLOORS]), np.log(rows.numeric[row, _FLOORS])),
            years_gap=_gap(subjects.numeric[who, _YEAR], rows.numeric[row, _YEAR]),
            usable=usable,
            time=time,
            fields=fields,
            adjusted=rows.log_price[row] + time + fields.sum(axis=1),
            wanted=wanted,
        )

    def levels(self, subjects: Subjects, candidates: Candidates) -> Levels:
        """The back-off, from the city down to the plan."""
        c, n = candidates, len(subjects)
        offset = self._offset(subjects, c.wanted)
        sums = {level: self._sum_before(level, subjects) for level in LEVELS}
        city, district, circle = self._group_levels(sums)
        alike = c.usable * np.exp(-c.floors_gap / _BUILDING - c.years_gap / _YEARS)
        w_plan = c.usable * c.same_community * (c.area_gap < _SAME_PLAN) * np.exp(-c.age_days / _PLAN_DAYS)
        w_community = alike * c.same_community * np.exp(-c.area_gap / _COMMUNITY_AREA - c.age_days / _COMMUNITY_DAYS)
        w_near = (
            alike
            * (1 - c.same_community)
            * np.exp(-c.km / _NEAR_KM - c.area_gap / _NEAR_AREA - c.age_days / _NEAR_DAYS)
        )
        level, weights = circle + offset, []
        for weight, prior in ((w_near, _NEAR_PRIOR), (w_community, _COMMUNITY_PRIOR), (w_plan, _PLAN_PRIOR)):
            weights.append(total_by(c.subject, weight, n))
            level = (total_by(c.subject, weight * c.adjusted, n) + prior * level) / (weights[-1] + prior)
        return Levels(
            plan=level,
            circle=circle + offset,
            district=district + offset,
            city=city + offset,
            near_weight=weights[0],
            community_weight=weights[1],
            plan_weight=weights[2],
            district_count=sums["district"][2],
            circle_count=sums["circle"][2],
        )

    def kriged(self, subjects: Subjects, own_fields: Floats, candidates: Candidates, levels: Levels) -> Kriged:
        """The estimate, by the covariance that fits what is known of each subject."""
        c, n = candidates, len(subjects)
        result = Kriged(
            value=levels.circle.copy(),
            sd=np.zeros(n),
            candidate_weight=np.zeros(len(c.row)),
            group_weight=np.ones(n),
            counted=c.adjusted.copy(),
            surprise=np.full(len(c.row), np.nan),
        )
        mine = self._points(subjects, own_fields)
        theirs = self._points_of_deals(c.row)
        residual = c.adjusted - levels.circle[c.subject]
        described = self._knows(own_fields, _OF_DESCRIPTION)
        parsed = ~described & self._knows(own_fields, _OF_ADDRESS)
        for name, kind in (
            ("plain", ~described & ~parsed),
            ("parsed", parsed),
            ("described", described),
        ):
            who = np.flatnonzero(kind)
            if len(who):
                self._krige(self.layer.covariances[name], who, c, mine[who], theirs, residual, result)
        return result

    def surroundings(self, subjects: Subjects) -> Iterator[tuple[Points, Floats]]:
        """The deals about each subject, and their adjusted prices less the level of the subject's place."""
        candidates = self.candidates(subjects, self._contributions(subjects))
        levels = self.levels(subjects, candidates)
        theirs = self._points_of_deals(candidates.row)
        residual = candidates.adjusted - levels.circle[candidates.subject]
        for subject in range(len(subjects)):
            here = np.flatnonzero((candidates.subject == subject) & (candidates.usable > 0))
            yield theirs[here], residual[here]

    def summarise(self, subjects: Subjects, own_fields: Floats, candidates: Candidates, levels: Levels) -> Comparison:
        """The answer in additive parts, and the features for the next layer."""
        c, n = candidates, len(subjects)
        kriged = self.kriged(subjects, own_fields, c, levels)
        weight, rest = kriged.candidate_weight, kriged.group_weight
        parts = np.zeros((n, len(FACTORS)))
        parts[:, TIME] = total_by(c.subject, weight * c.time, n)
        moved = rows_by(c.subject, weight[:, None] * c.fields, n) + rest[:, None] * np.nan_to_num(c.wanted)
        for place, factor in enumerate(FIELD_FACTOR):
            parts[:, factor] += moved[:, place]
        parts[:, OTHER] += total_by(c.subject, weight * (kriged.counted - c.adjusted), n)
        features = self._features(subjects, own_fields, c, levels, kriged)
        return Comparison(
            log_value=kriged.value,
            base=kriged.value - parts.sum(axis=1),
            parts=parts,
            fallback_level=_fallback_level(c, levels, n),
            candidates=c,
            levels=levels,
            kriged=kriged,
            spread=features[:, FEATURES.index("community_spread")],
            silent=self._silent(subjects),
            features=features,
        )

    # ---- inside ---------------------------------------------------------------------------------------------------

    def _contributions(self, described: Rows | Subjects) -> Floats:
        return self.hedonics.contributions(described, self.market.vocabularies)

    def _pairs(self, subjects: Subjects) -> tuple[Ints, Ints]:
        """Subjects and deals: of the community, of its neighbours, and of the circle where there are no coordinates."""
        near = self.market.neighbours(subjects.community)
        place = np.column_stack([subjects.community, near])
        first, last = self.market.by_community.before(place, subjects.known[:, None])
        count = np.minimum(last - first, _OF_NEIGHBOUR)
        count[:, 0] = np.where(subjects.cold > 0, 0, np.minimum(last - first, _OF_COMMUNITY)[:, 0])
        before = np.cumsum(count, axis=1) - count - count[:, :1]
        count[:, 1:][before[:, 1:] >= _OF_NEIGHBOURS] = 0
        who, row = _spread_out(self.market.by_community.order, last - count, count)
        lost = np.flatnonzero((near[:, 0] < 0) & (subjects.circle >= 0))
        if not len(lost):
            return who, row
        shelf = self.market.by_level["circle"]
        first, last = shelf.before(subjects.circle[lost], subjects.known[lost])
        count = np.minimum(last - first, _OF_CIRCLE)[:, None]
        more, others = _spread_out(shelf.order, last[:, None] - count, count)
        stranger = self.market.rows.community[others] != subjects.community[lost[more]]
        who, row = np.concatenate([who, lost[more][stranger]]), np.concatenate([row, others[stranger]])
        by_subject = np.argsort(who, kind="stable")
        return who[by_subject], row[by_subject]

    def _with_typical(self, subjects: Subjects, own: Floats, who: Ints, row: Ints, weight: Floats) -> Floats:
        """Own effects, where those of the flat itself are unknown the typical ones of the community's deals."""
        columns = self._fields[row][:, _OF_FLAT]
        known = ~np.isnan(columns)
        above = rows_by(who, np.where(known, columns, 0.0) * weight[:, None], len(subjects))
        below = rows_by(who, known * weight[:, None], len(subjects)) + _TYPICAL_PRIOR
        wanted = own.copy()
        wanted[:, _OF_FLAT] = np.where(np.isnan(own[:, _OF_FLAT]), above / below, own[:, _OF_FLAT])
        return wanted

    def _knows(self, own_fields: Floats, names: Sequence[str]) -> NDArray[np.bool_]:
        """Whether all is known of a subject that the layer has learned to use among `names`, and that is something."""
        learned = [FIELDS.index(name) for name in names if name in self._learned]
        known: NDArray[np.bool_] = np.logical_and.reduce(~np.isnan(own_fields[:, learned]), axis=1)
        return known if learned else np.zeros(len(own_fields), np.bool_)

    def _points_of_deals(self, row: Ints) -> Points:
        return self._points(self.market.rows, self._fields[row], row)

    def _points(self, of: Rows | Subjects, effects: Floats, at: Ints | slice = slice(None)) -> Points:
        """Deals or subjects as the covariance sees them: those at `at`, whose attributes have these effects."""
        community, numeric = of.community[at], of.numeric[at]
        x, y, z = self.market.places.on_globe(community).T.astype(np.float32)
        floors, year, rooms = numeric[:, _FLOORS], numeric[:, _YEAR], numeric[:, _ROOMS]
        building_type, band = (of.texts[at, TEXTS.index(name)] for name in ("building_type", "floor_band"))
        return Points(
            x=x,
            y=y,
            z=z,
            day=(of.day[at] - _EPOCH).astype(np.float32),
            area=of.log_area[at].astype(np.float32),
            age=((year - 2000) / 10).astype(np.float32),
            height=np.log(np.maximum(floors, 1.0)).astype(np.float32),
            rooms=rooms.astype(np.float32),
            quality=np.nansum(effects[:, _QUALITY], axis=1).astype(np.float32),
            community=community,
            circle=of.circle[at],
            building=_building(community, floors, year, building_type),
            type=building_type,
            band=band,
        )

    def _krige(  # noqa: PLR0913, PLR0917 - the pieces of one system of equations
        self,
        covariance: Covariance,
        who: Ints,
        c: Candidates,
        mine: Points,
        theirs: Points,
        residual: Floats,
        into: Kriged,
    ) -> None:
        """Solve for the subjects `who`, whose points are `mine`, and write their answers into `into`."""
        number = np.full(len(into.value), -1, np.int64)
        number[who] = np.arange(len(who))
        pairs = np.flatnonzero((number[c.subject] >= 0) & (c.usable > 0))
        if not len(pairs):
            into.sd[who] = np.sqrt(covariance.total + covariance.noise)
            return
        subject = number[c.subject[pairs]]
        likeness = covariance.between(mine[subject], theirs[pairs])
        chosen = _most_alike(subject, likeness, len(who))
        at = np.where(chosen >= 0, pairs[chosen], -1)
        answer = kriging.forecast(covariance, mine, theirs, at, np.where(at >= 0, residual[at], 0.0))
        held = at >= 0
        level = into.value[who]
        into.value[who] = level + answer.value
        into.sd[who] = answer.sd
        into.group_weight[who] = 1 - answer.weight.sum(axis=1)
        into.candidate_weight[at[held]] = answer.weight[held]
        into.counted[at[held]] = (level[:, None] + answer.counted)[held]
        into.surprise[at[held]] = np.abs(answer.surprise)[held]

    def _offset(self, subjects: Subjects, own_fields: Floats) -> Floats:
        """From the standard flat at the index's first day to the subject at its day."""
        effects: Floats = np.nan_to_num(own_fields).sum(axis=1)
        return self.index.at(self._index_rows[subjects.city], subjects.day) + effects

    def _weighed(self, rows: Ints) -> Floats:
        """Weight and weighted standard price of deals (n x 2)."""
        weight = np.exp((self.market.rows.day[rows] - _EPOCH) / _GROUP_DAYS)
        return np.column_stack([weight, weight * self._standard[rows]])

    def _sum_before(self, level: str, subjects: Subjects) -> tuple[Floats, Floats, Floats]:
        """Weight, weighted price and count of what is known of the subject's place, without the subject itself."""
        place = getattr(subjects, level)
        sums, count = self._sums[level].before(self.market.by_level[level], place, subjects.known)
        weight, price = sums.T
        fade = np.exp(-(subjects.day - _EPOCH) / _GROUP_DAYS)
        own = subjects.own
        if (own >= 0).any():
            rows = self.market.rows
            counted = (
                (own >= 0) & (getattr(rows, level)[own] == place) & (rows.known[own] < subjects.known) & (place >= 0)
            )
            taken = np.where(counted, np.exp((rows.day[own] - _EPOCH) / _GROUP_DAYS), 0.0)
            weight, price, count = weight - taken, price - taken * self._standard[own], count - counted
        if subjects.cold.any():
            hidden, numbers = self._of_cold_communities(level, subjects)
            weight, price, count = weight - hidden[:, 0], price - hidden[:, 1], count - numbers
        return weight * fade, price * fade, count

    def _of_cold_communities(self, level: str, subjects: Subjects) -> tuple[Floats, Floats]:
        """What the hidden deals of the subjects' communities add to the sums of their places, and how many they are."""
        cold = np.flatnonzero(subjects.cold)
        first, last = self.market.by_community.before(subjects.community[cold], subjects.known[cold])
        which, row = _spread_out(self.market.by_community.order, first[:, None], (last - first)[:, None])
        who = cold[which]
        here = (getattr(self.market.rows, level)[row] == getattr(subjects, level)[who]) & (row != subjects.own[who])
        who, row = who[here], row[here]
        return rows_by(who, self._weighed(row), len(subjects)), np.bincount(who, minlength=len(subjects)).astype(float)

    def _silent(self, subjects: Subjects) -> Floats:
        shelf = self.market.by_level["city"]
        first, last = shelf.before(subjects.city, subjects.known)
        known = last > first
        silent = np.zeros(len(subjects))
        newest = self.market.rows.known[shelf.order[last[known] - 1]]
        silent[known] = np.maximum(subjects.day[known] - newest, 0)
        return silent

    def _group_levels(self, sums: Mapping[str, tuple[Floats, Floats, Floats]]) -> tuple[Floats, Floats, Floats]:
        """Standard log prices of city, district and circle; the whole segment stands behind a city without deals."""
        weight, price, _ = sums["city"]
        city = (price + self.layer.level) / (weight + 1.0)
        weight, price, _ = sums["district"]
        district = (price + _DISTRICT_PRIOR * city) / (weight + _DISTRICT_PRIOR)
        weight, price, _ = sums["circle"]
        circle = (price + _CIRCLE_PRIOR * district) / (weight + _CIRCLE_PRIOR)
        return city, district, circle

    def _features(
        self, subjects: Subjects, own_fields: Floats, c: Candidates, levels: Levels, kriged: Kriged
    ) -> Floats:
        """The columns of `FEATURES`, each from deals known before the subject's day alone."""
        n, rows = len(subjects), self.market.rows
        value = kriged.value
        here = c.usable * c.same_community
        weight = here * np.exp(-c.area_gap / _COMMUNITY_AREA - c.age_days / _COMMUNITY_DAYS) + (here * 1e-6)
        near = c.usable * (1 - c.same_community) * np.exp(-c.km / _NEAR_KM - c.area_gap / _NEAR_AREA)
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
                    np.where(c.usable > 0, c.area_gap, np.inf),
                ]
            ),
            n,
        )
        plan = here * (c.area_gap < _SAME_PLAN)
        n_plan = total_by(c.subject, plan, n)
        coordinates = self.market.places.coordinates(subjects.community)
        looks = _known_means(c.subject, weight, self._fields[c.row][:, _LOOK_COLUMNS], n)
        told = c.usable * ~np.isnan(kriged.surprise)
        surprise = np.nan_to_num(kriged.surprise)
        columns = {
            "kriged_sd": kriged.sd,
            "surprise": _ratio(total_by(c.subject, told * here * surprise, n), total_by(c.subject, told * here, n)),
            "near_surprise": _ratio(total_by(c.subject, told * surprise, n), total_by(c.subject, told, n)),
            "back_off_gap": levels.plan - value,
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
            "nearest_area": least[:, 3],
            "group_weight": kriged.group_weight,
            "longitude": coordinates[:, 0],
            "latitude": coordinates[:, 1],
            "level": value - own_fields[:, 0] - self.index.at(self._index_rows[subjects.city], subjects.day),
            "log_area": subjects.log_area,
            **{f"their_{name}": look for name, look in zip(_LOOKS, looks.T, strict=True)},
            **{f"own_{name}": own_fields[:, FIELDS.index(name)] for name in FIELDS[1:]},
            "floor": subjects.numeric[:, 0],
            "total_floors": subjects.numeric[:, _FLOORS],
            "built_year": subjects.numeric[:, _YEAR],
            "rooms": subjects.numeric[:, _ROOMS],
        }
        words = self.market.vocabularies
        further = [further_column(name, subjects, words) for name in self.hedonics.further]
        return np.column_stack([*(columns[name] for name in FEATURES), *further]).astype(np.float32)


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
    "kriged_sd", "surprise", "near_surprise", "back_off_gap", "plan_gap", "community_gap", "community_raw_gap",
    "near_gap", "near_raw_gap", "circle_gap", "district_gap", "city_gap",
    "plan_count", "community_count", "plan_weight", "community_weight", "near_weight", "effective_count",
    "community_spread", "near_spread", "closest_area", "newest_days", "nearest_km", "nearest_area", "group_weight",
    "longitude", "latitude", "level", "log_area",
    *(f"their_{name}" for name in _LOOKS), *(f"own_{name}" for name in FIELDS[1:]),
    "floor", "total_floors", "built_year", "rooms",
)  # fmt: skip


def _fallback_level(c: Candidates, levels: Levels, n: int) -> Ints:
    """The deepest level with evidence: 0 plan, 2 community, 3 neighbours, 4 circle, 5 district, 6 city."""
    here = total_by(c.subject, c.usable * c.same_community, n)
    return np.select(
        [levels.plan_weight > 0, here > 0, levels.near_weight > 1, levels.circle_count > 0, levels.district_count > 0],
        [0, 2, 3, 4, 5],
        6,
    )


def _spread_out(order: Ints, start: Ints, count: Ints) -> tuple[Ints, Ints]:
    """Of each subject (n x k stretches of a shelf's order) the rows: subject and row of each, subject by subject."""
    flat = count.ravel()
    stretch = np.repeat(np.arange(len(flat)), flat)
    place = np.arange(len(stretch)) - np.repeat(np.cumsum(flat) - flat, flat) + start.ravel()[stretch]
    return stretch // count.shape[1], order[place]


def _most_alike(subject: Ints, likeness: Reals, n: int) -> Ints:
    """Places of the `REACH` most alike pairs of each of `n` subjects, most alike first (-1 where there are fewer)."""
    order = np.lexsort((-likeness, subject))
    sorted_subject = subject[order]
    rank = np.arange(len(order)) - np.searchsorted(sorted_subject, sorted_subject)
    near = rank < REACH
    chosen = np.full((n, REACH), -1, np.int64)
    chosen[sorted_subject[near], rank[near]] = order[near]
    return chosen


def _building(community: Ints, floors: Floats, year: Floats, building_type: Ints) -> Ints:
    """One number for deals of what is probably one building: community, height, year and type; -1 without height."""
    key = (
        (community << 24)
        | (np.nan_to_num(floors).astype(np.int64) << 14)
        | ((np.nan_to_num(year).astype(np.int64) % 256) << 6)
    )
    return np.where(np.isnan(floors) | (community < 0), -1, key | ((building_type + 1) & 63))


def _gap(mine: Floats, theirs: Floats) -> Floats:
    """Absolute difference; 0 where either is unknown."""
    return np.nan_to_num(np.abs(mine - theirs), posinf=0.0)


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
