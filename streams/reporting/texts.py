"""The words of the reports: `texts.toml` of a template package, read whole and checked before it is used."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from types import MappingProxyType
from typing import Any, Final

from schemas.codes import LoanStage, MatchLevel, Product, VerificationOutcome
from schemas.domain.texts import FACTOR_TEXTS, VERIFICATION_FIELD_TEXTS
from schemas.events import ReasonPart
from streams.reporting.faults import Fault, line_of, line_of_table, toml_fault

# Tables and the words each must have, no more and no fewer; `page` belongs to the Typst files and may hold anything.
_CODES: Final[Mapping[str, tuple[str, ...]]] = {
    "title": ("SLIP", "NOTE"),
    "preliminary": ("MODEL_ON_TRIAL", "DEGRADED", "UNCONFIRMED"),
    "correction": ("DISPUTE", "OTHER"),
    "product": tuple(Product),
    "loan_stage": tuple(LoanStage),
    "match_level": tuple(MatchLevel),
    "driver": (
        *("TIME", "AREA", "FLOOR", "BUILDING", "AGE", "RENOVATION", "LAYOUT", "LOCATION", "TAX", "OTHER", "INCOME"),
    ),
    "grade": ("G1", "G2", "G3", "G4"),
    "influence": ("UP", "DOWN"),
    "capacity": ("VALUER", "APPROVER"),
    "unsigned": ("NOT_REQUIRED", "UNKNOWN"),
    "outcome": tuple(VerificationOutcome),
    "checked": tuple(VERIFICATION_FIELD_TEXTS),
    "source": ("address", "property-registry", "community-dictionary", "model"),
    "method": ("MODEL", "INCOME", "PERSON", "PERSON_ALONE", "ON_TRIAL", "FOUR_EYES", "TERM_ASSUMED"),
    "label": (
        *("channel", "service", "product", "loan_stage", "branch", "business_ref", "client_request_id"),
        *("property_type", "tradability", "area", "floor", "built_year", "community"),
        *("method", "valuer", "valued_on", "policy", "model", "artefact", "data_as_of", "index"),
        *("income", "rent", "rate"),
    ),
}
# Sentences, with the names that stand in braces in them.
_SENTENCES: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "notice": {
        **dict.fromkeys(("SYNTHETIC_MARK", "SYNTHETIC", "SYNTHETIC_TEXT", "PRELIMINARY_MARK"), frozenset()),
        **dict.fromkeys(("PRELIMINARY", "CORRECTION", "REVOKED_MARK", "REVOKED"), frozenset()),
        "CORRECTION_TEXT": frozenset({"report_no", "reason"}),
        "CORRECTION_UNNUMBERED": frozenset({"reason"}),
        "REVOKED_TEXT": frozenset({"day", "reason"}),
        "REPLACED_TEXT": frozenset({"report_no"}),
    },
    "words": {
        "square_metres": frozenset({"area"}),
        "floor": frozenset({"floor"}),
        "total_floors": frozenset({"floors"}),
        "year": frozenset({"year"}),
        "same_community": frozenset(),
        "comparables": frozenset({"count"}),
        "income": frozenset({"value", "weight"}),
        "rent": frozenset({"rent", "rents"}),
        "rate": frozenset({"rate", "years", "assumed"}),
    },
    "conditions": {
        "weak": frozenset({"factors"}),
        "few_comparables": frozenset({"reason"}),
        "degraded": frozenset({"sources"}),
        "degraded_unnamed": frozenset(),
        "reused": frozenset({"valuation_id"}),
        "reused_unnamed": frozenset(),
    },
}
_LISTS: Final = ("SLIP", "NOTE")
_FREE: Final = "page"
_OPEN: Final = "source"  # a bank has sources of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Words by table and key, and the standing conditions by kind of report."""

    tables: Mapping[str, Mapping[str, str]]
    standing: Mapping[str, Sequence[str]]

    def word(self, table: str, key: str) -> str:
        """The word for one of our own codes."""
        return self.tables[table][key]

    def code(self, table: str, code: str) -> str:
        """The word for a code that travelled; one we have no word for as it was sent."""
        return self.tables[table].get(code, code)

    def say(self, table: str, key: str, **parts: str) -> str:
        """A sentence with its parts filled in."""
        return self.tables[table][key].format(**parts)

    def fact(self, label: str, value: str) -> list[str]:
        """A label and its value, as templates lay them out."""
        return [self.tables["label"][label], value]

    def driver(self, part: ReasonPart) -> str:
        """What moved the unit price, in a word; the event's own text for a factor of a newer release."""
        return self.tables["driver"].get(part.factor, part.text)


def factor(code: str) -> str:
    """The word for an adjustment's factor; a code of a newer release reads 其他."""
    return FACTOR_TEXTS.get(code, FACTOR_TEXTS["OTHER"])


def read_texts(name: str, text: str) -> tuple[Texts | None, list[Fault]]:
    """The words of a file, or everything that is wrong with it. `name` stands in the faults."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return None, [toml_fault(name, error)]
    faults = [*_faults(name, text, tables)]
    if faults:
        return None, faults
    standing = {kind: tuple(tables["standing"][kind]) for kind in _LISTS}
    words = {table: MappingProxyType(dict(tables[table])) for table in (*_CODES, *_SENTENCES)}
    return Texts(tables=MappingProxyType(words), standing=MappingProxyType(standing)), []


def _faults(name: str, text: str, tables: Mapping[str, Any]) -> Iterator[Fault]:
    wanted = {**{table: frozenset(keys) for table, keys in _CODES.items()}, "standing": frozenset(_LISTS)}
    wanted |= {table: frozenset(sentences) for table, sentences in _SENTENCES.items()}
    for table in sorted(set(tables) - set(wanted) - {_FREE}):
        yield Fault(file=name, line=line_of_table(text, table), message=f"unknown table [{table}]; remove it")
    for table, keys in wanted.items():
        found = tables.get(table)
        if not isinstance(found, dict):
            yield Fault(file=name, line=None, message=f"the table [{table}] is missing")
            continue
        for key in sorted(keys - set(found)):
            line = line_of_table(text, table)
            yield Fault(file=name, line=line, message=f"{table}.{key} is missing; add it to [{table}]")
        for key in sorted(set(found) - keys) if table != _OPEN else ():
            line = line_of(text, table, key)
            yield Fault(file=name, line=line, message=f"{table}.{key} is not a word of the reports; remove it")
        for key in sorted(set(found) if table == _OPEN else keys & set(found)):
            if (message := _wrong(table, key, found[key])) is not None:
                yield Fault(file=name, line=line_of(text, table, key), message=message)


def _wrong(table: str, key: str, value: object) -> str | None:
    if table == "standing":
        right = isinstance(value, list) and all(isinstance(one, str) and one for one in value)
        return None if right else f"standing.{key} has to be a list of sentences"
    if not isinstance(value, str) or (not value and table != "method"):
        return f"{table}.{key} has to be a text that is not empty"
    if table not in _SENTENCES:
        return None
    return _wrong_sentence(table, key, value)


def _wrong_sentence(table: str, key: str, value: str) -> str | None:
    try:
        parts = {part for _, part, _, _ in Formatter().parse(value) if part is not None}
    except ValueError as error:
        return f"{table}.{key}: {error}"
    if unknown := sorted(parts - _SENTENCES[table][key]):
        offered = ", ".join(f"{{{part}}}" for part in sorted(_SENTENCES[table][key])) or "nothing"
        return f"{table}.{key} asks for {{{unknown[0]}}}; {offered} can be filled in there"
    try:
        value.format(**dict.fromkeys(parts, "x"))
    except (ValueError, LookupError, AttributeError) as error:
        return f"{table}.{key}: {error}; write a part as {{name}} alone"
    return None
