"""Disparity: whether the model is less accurate, or biased, for one district or price band (US AVM rule of 2025).

A group is flagged where its 95 % interval lies wholly outside the overall figure by a margin, so that neither noise
nor a difference too small to matter raises a flag. With twenty groups one flag in twenty tables is chance.
"""

from typing import Any, Final

import numpy as np

from schemas.domain.measures import LEAST, ape, bias, median_interval, wilson
from streams.scoring.answers import Answers
from streams.scoring.certainty import NEAR
from streams.scoring.cuts import CUTS, first_of

BY: Final = ("district", "price_fifth")
PPE10_MARGIN: Final = 0.05
BIAS_MARGIN: Final = 0.02


def disparity(answers: Answers) -> dict[str, Any]:
    """The table: overall, each group with intervals, and its flags.

    `LESS_ACCURATE` and `MORE_ACCURATE`: the interval of the share within 10 % lies beyond the overall share by more
    than the margin; `VALUED_HIGHER` and `VALUED_LOWER`: that of the median ratio does.
    """
    overall = _of(answers)
    groups = []
    for cut in BY:
        names = np.array(CUTS[cut](answers), object)
        for name in first_of(names.tolist()):
            here = answers.where(names == name)
            row = _of(here) if len(here) >= LEAST else {"n": len(here)}
            groups.append({"by": cut, "group": name, **row, "flags": _flags(row, overall)})
    return {"margin": {"ppe10": PPE10_MARGIN, "bias": BIAS_MARGIN}, "overall": overall, "groups": groups}


def _of(answers: Answers) -> dict[str, Any]:
    hits = int((ape(answers.value, answers.price) <= NEAR).sum())
    low, high = median_interval(answers.value / answers.price)
    return {
        "n": len(answers),
        "ppe10": round(hits / len(answers), 4),
        "ppe10_interval": [round(edge, 4) for edge in wilson(hits, len(answers))],
        "bias": round(bias(answers.value, answers.price), 4),
        "bias_interval": [round(low - 1, 4), round(high - 1, 4)],
    }


def _flags(row: dict[str, Any], overall: dict[str, Any]) -> list[str]:
    if "ppe10" not in row:
        return []
    (low, high), (down, up) = row["ppe10_interval"], row["bias_interval"]
    found = {
        "LESS_ACCURATE": high < overall["ppe10"] - PPE10_MARGIN,
        "MORE_ACCURATE": low > overall["ppe10"] + PPE10_MARGIN,
        "VALUED_HIGHER": down > overall["bias"] + BIAS_MARGIN,
        "VALUED_LOWER": up < overall["bias"] - BIAS_MARGIN,
    }
    return [flag for flag, applies in found.items() if applies]
