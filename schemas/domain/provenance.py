"""Where what is known comes from, as its `source` says: what was our own judgement never becomes evidence.

Values that people gave (decisions of the desk, appraisals from outside) may teach and test a model, and are no deals: a
comparable made of one would feed the service its own opinion (valuation guide §14).
"""

from typing import Final

SYNTHETIC: Final = "synthetic"
"""The source of rows that a program made up."""
_APPRAISAL: Final = "appraisal:"
_DECISION: Final = "decision:"
_BLIND: Final = "blind"
_SEEN: Final = "seen"


def appraisal_source(source: str) -> str:
    """The source of a training row made of an appraisal by `source`."""
    return f"{_APPRAISAL}{source}"


def decision_source(*, blind: bool) -> str:
    """The source of a training row made of a reviewer's decision."""
    return f"{_DECISION}{_BLIND if blind else _SEEN}"


def is_judgement(source: str) -> bool:
    """Whether a price is somebody's judgement and no deal, so that it may be a label and never a comparable."""
    return source.startswith((_APPRAISAL, _DECISION))


def is_label(source: str) -> bool:
    """Whether a judgement may teach a model: one made with the model's value in sight only echoes it."""
    return is_judgement(source) and source != decision_source(blind=False)


def is_synthetic(source: str) -> bool:
    """Whether rows of a source are made up: `synthetic` itself, or `synthetic-` and whatever tells it from others."""
    return source == SYNTHETIC or source.startswith(f"{SYNTHETIC}-")
