"""Changing thresholds in the text of a policy file, with every comment and everything else as it was."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Final

from schemas.domain.channels import Profile
from streams.routing.policy import PropertyClass, ThresholdKey, parse

_HEADER: Final = re.compile(r"^\s*\[+\s*([^\]]+?)\s*\]+")
_MIN_P10: Final = re.compile(r"^(\s*min_p10\s*=\s*)[^\s#]+ *")
_VERSION: Final = re.compile(r'^(\s*version\s*=\s*)("[^"]*"|\'[^\']*\')')


def with_min_p10(text: str, wanted: Mapping[ThresholdKey, float], *, version: str) -> str:
    """The policy file under a new version with these `min_p10`; a city without an entry of its own gets one.

    Raises:
        PolicyError: The result is no valid policy, which only a text that was none to begin with can cause.
    """
    blocks = _blocks(text)
    blocks[0] = [_VERSION.sub(lambda found: f'{found[1]}"{version}"', line) for line in blocks[0]]
    missing = [key for key in wanted if not _changed(blocks, key, wanted[key])]
    lines = [line for block in blocks for line in block]
    for city, kind, profile in missing:
        lines += _entry(str(city), kind, profile, wanted[city, kind, profile])
    changed = "\n".join(lines) + "\n"
    parse(changed.encode())
    return changed


def _blocks(text: str) -> list[list[str]]:
    """The file's head, and each table with its header and all that follows it."""
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if _HEADER.match(line):
            blocks.append([])
        blocks[-1].append(line)
    return blocks


def _changed(blocks: Sequence[list[str]], key: ThresholdKey, min_p10: float) -> bool:
    """Whether a table of this key says `min_p10`, which then says the new one."""
    done = False
    for block in blocks[1:]:
        if _key(block) != key:
            continue
        at = next((at for at, line in enumerate(block) if _MIN_P10.match(line)), None)
        if at is not None:
            block[at] = _MIN_P10.sub(lambda found: _said(found, min_p10), block[at]).rstrip()
            done = True
    return done


def _said(found: re.Match[str], min_p10: float) -> str:
    """The new value, with the comment after it still in its column where there is room."""
    return f"{found[1]}{min_p10:.4f} ".ljust(len(found[0]))


def _key(block: Sequence[str]) -> ThresholdKey | None:
    """Whose thresholds a table holds; `None` for another table, or for a city's entry that is not for one of each."""
    found = _HEADER.match(block[0])
    name = found[1] if found else ""
    if name.startswith("thresholds."):
        _, kind, profile = (part.strip() for part in name.split("."))
        return None, PropertyClass(kind), Profile(profile)
    entry = tomllib.loads("\n".join(block)).get("city", [{}]) if name == "city" else [{}]
    if not {"city", "property_class", "profile"} <= entry[0].keys():
        return None
    return entry[0]["city"], PropertyClass(entry[0]["property_class"]), Profile(entry[0]["profile"])


def _entry(city: str, kind: PropertyClass, profile: Profile, min_p10: float) -> list[str]:
    return [
        "",
        "[[city]]",
        f'city = "{city}"',
        f'property_class = "{kind}"',
        f'profile = "{profile}"',
        f"min_p10 = {min_p10:.4f}",
    ]
