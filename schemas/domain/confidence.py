"""置信度: the grade in a word that people read beside a confidence of 0 to 100."""

from typing import Final

_HIGH, _MEDIUM = 80, 60  # of 100: the chance in per cent to be within 10 %
HIGH, MEDIUM, LOW = "高", "中", "低"
GRADES: Final = (HIGH, MEDIUM, LOW)


def confidence_grade(confidence: int) -> str:
    """高 from 80, 中 from 60, else 低, for a confidence of 0–100.

    >>> confidence_grade(80), confidence_grade(79), confidence_grade(59)
    ('高', '中', '低')
    """
    return HIGH if confidence >= _HIGH else MEDIUM if confidence >= _MEDIUM else LOW
