"""Names that people confirmed, given to the community index as far as they harm no other community."""

from collections.abc import Iterator
from datetime import datetime

from schemas.domain.aliases import is_learnable
from schemas.domain.normalise import normalise
from schemas.events import Community, CommunityAlias
from streams.enrichment import names
from streams.enrichment.index import CommunityIndex

_Spelling = tuple[str, str]  # city, key of a name


class LearnedAliases:
    """The aliases of the topic, by their keys there. Whatever comes first, alias or community, the outcome is the same.

    An alias is refused while another community of the city is called exactly so, when it is too little of a name (小区,
    3号) to stand for a community, and when the same name (三里屯苑 and 3里屯苑 are one, with two keys of the topic) was
    later confirmed for another community. `problems` names the refused ones by their community, never the name itself:
    what was typed in an address does not belong on a health page.
    """

    def __init__(self, index: CommunityIndex) -> None:
        self._index = index
        self._aliases: dict[str, CommunityAlias] = {}
        self._keys_of: dict[_Spelling, set[str]] = {}
        self._refused: dict[str, str] = {}

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each alias that is not used."""
        return tuple(self._refused.values())

    def __len__(self) -> int:
        return len(self._aliases) - len(self._refused)

    def put(self, key: str, alias: CommunityAlias) -> None:
        """Take a confirmation over; a later one of the same key replaces it."""
        self.remove(key)
        self._aliases[key] = alias
        self._keys_of.setdefault(_spelling(alias), set()).add(key)
        self._decide(_spelling(alias))

    def remove(self, key: str) -> None:
        """Forget an alias; harmless when it is not there."""
        alias = self._aliases.pop(key, None)
        if alias is None:
            return
        self._refused.pop(key, None)
        self._index.remove_alias(alias.alias, alias.city)
        self._keys_of[_spelling(alias)].discard(key)
        self._decide(_spelling(alias))

    def named(self, community: Community, city: str) -> None:
        """A community of this name came, changed or went: aliases spelled alike are weighed again."""
        if self._keys_of:  # else the first load of the dictionary would spell every name twice
            self._decide((city, names.key(community.name)))

    def _decide(self, spelling: _Spelling) -> None:
        """Choose what a name means: what was confirmed last, of those that nothing speaks against."""
        used: CommunityAlias | None = None
        for key in sorted(self._keys_of.get(spelling, ()), key=self._age, reverse=True):
            alias = self._aliases[key]
            why = self._objection(alias) or _contradiction(alias, used)
            if why is None:
                used = used or alias
                self._refused.pop(key, None)
            else:
                self._refused[key] = f"alias of community {alias.community_id} is not used: {why}"
                self._index.remove_alias(alias.alias, alias.city)
        if used is not None:
            self._index.put_alias(used.alias, used.community_id, used.city)
        elif not self._keys_of.get(spelling):
            self._keys_of.pop(spelling, None)

    def _age(self, key: str) -> tuple[datetime, str]:
        return self._aliases[key].confirmed_at, key

    def _objection(self, alias: CommunityAlias) -> str | None:
        spelled = names.key(alias.alias)
        if not (is_learnable(alias.alias) and names.is_telling(spelled)):
            return "it is too general to stand for a community; withdraw it with `avm reference alias remove`"
        other = next(self._others_called(alias, spelled), None)
        if other is not None:
            return f"community {other} of that city is called so; withdraw it with `avm reference alias remove`"
        return None

    def _others_called(self, alias: CommunityAlias, spelled: str) -> Iterator[str]:
        for match in self._index.find_exact([normalise(alias.alias)], limit=len(self._index) or 1):
            community = match.entry.community
            is_another = community.community_id != alias.community_id and match.entry.city == alias.city
            if is_another and names.key(community.name) == spelled:
                yield community.community_id


def _contradiction(alias: CommunityAlias, used: CommunityAlias | None) -> str | None:
    if used is None or used.community_id == alias.community_id:
        return None
    later = f"the name was later confirmed for community {used.community_id}"
    return f"{later}; withdraw one of the two with `avm reference alias remove`"


def _spelling(alias: CommunityAlias) -> _Spelling:
    return alias.city, names.key(alias.alias)
