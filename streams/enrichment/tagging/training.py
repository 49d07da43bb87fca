"""From labelled addresses to a tagger. Pure and deterministic: equal rows, recipe and library versions, equal bytes.

In order: embeddings and convolutions learn to guess hidden symbols of all addresses, labelled or not. From there, a
teacher learns the labels. From the same beginning, a student learns what the teacher says of all addresses, beside what
people said of some; it becomes better than its teacher, for it learns under noise (dropped channels, n-grams taken for
unseen) from far more addresses than are labelled (Hinton et al. 2015; Xie et al. 2020, Noisy Student). Later students
learn from those before them. What is served is the average of the students' parameters: having begun alike they lie in
one valley, and its middle is better than any of them (Wortsman et al. 2022, Model soups).

A tenth of the labelled rows is kept from the teacher and the first student, who is measured on them.

The only module that needs jax and optax: the extra `train`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final

import jax
import numpy as np
import optax

from schemas.domain.normalise import normalise
from streams.enrichment.tagging.aligned import normalised
from streams.enrichment.tagging.artefact import Learned, pack
from streams.enrichment.tagging.batches import Example, Goal, example, mixed, stated
from streams.enrichment.tagging.descent import Course
from streams.enrichment.tagging.features import Vocabulary
from streams.enrichment.tagging.labelled import LabelledAddress, digest
from streams.enrichment.tagging.lessons import Progress, fit, pretrain, say
from streams.enrichment.tagging.metrics import Figures, figures
from streams.enrichment.tagging.spans import spans
from streams.enrichment.tagging.tagger import AddressTagger
from streams.enrichment.tagging.tokens import tokenise
from streams.enrichment.tagging.trainable import Noise, Parameters, averaged, initial

LEAST_ADDRESSES: Final = 50
ASIDE: Final = 10  # one labelled address in ten is kept aside


class TooFewAddressesError(ValueError):
    """There is not enough to learn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to train. The defaults were chosen on a part of the training rows that was kept aside."""

    seed: int = 17
    width: int = 128
    batch: int = 32
    rate: float = 2e-3
    dropout: float = 0.35
    unseen: float = 0.15  # share of n-grams that training takes for unseen, so that new names surprise less
    pretraining_epochs: int = 8
    teacher_epochs: int = 11
    student_epochs: int = 7
    students: int = 2

    @property
    def noise(self) -> Noise:
        """The noise under which labels are learned."""
        return Noise(dropout=self.dropout, unseen=self.unseen)

    def course(self, epochs: int, *, seed: int) -> Course:
        """A course of that length."""
        return Course(epochs=epochs, rows=self.batch, rate=self.rate, seed=seed)

    @property
    def pretraining(self) -> Course:
        """The course of guessing: twice the rows at a step, for only one token in six is guessed."""
        return Course(epochs=self.pretraining_epochs, rows=2 * self.batch, rate=self.rate, seed=self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What there is to learn from, in numbers. The labels of those `aside` are kept from the first learners."""

    labels: tuple[str, ...]
    vocabulary: Vocabulary
    told: list[Example]
    untold: list[Example]
    aside: frozenset[int]


def train(
    labelled: Sequence[LabelledAddress],
    unlabelled: Sequence[str] = (),
    *,
    stem: str | None = None,
    recipe: Recipe | None = None,
    progress: Progress = lambda _: None,
) -> bytes:
    """The artefact of a tagger that learned from these rows.

    `stem` begins its version; by itself it is the beginning of the rows' digest, so that equal rows give equal bytes.

    Raises:
        TooFewAddressesError: There are fewer than `LEAST_ADDRESSES` labelled ones.
    """
    recipe = recipe or Recipe()
    if len(labelled) < LEAST_ADDRESSES:
        raise TooFewAddressesError(
            f"a tagger needs {LEAST_ADDRESSES} labelled addresses to learn from; there are {len(labelled)}"
        )
    learned, checked = learn(labelled, unlabelled, recipe, progress)
    return pack(
        learned,
        {
            "stem": stem or digest(labelled)[:8],
            "data": {
                "addresses": len(labelled),
                "sha256": digest(labelled),
                "splits": sorted({address.split for address in labelled}),
                "unlabelled": len(unlabelled),
                "unlabelled_sha256": hashlib.sha256("\n".join(unlabelled).encode()).hexdigest(),
                "licence": "none of its own: built by its user from the files named by these digests; ask their owners",
            },
            "checked": {
                "how": "the first student, on rows whose labels it was not told; what is served learned from all",
                **asdict(checked),
            },
            "recipe": asdict(recipe),
            "labels": len(learned.labels),
            "libraries": {"jax": jax.__version__, "numpy": np.__version__, "optax": optax.__version__},
        },
    )


def learn(
    labelled: Sequence[LabelledAddress], unlabelled: Sequence[str], recipe: Recipe, progress: Progress
) -> tuple[Learned, Figures]:
    """What is served, and how well the first student reads what it was not told."""
    material = _material(labelled, unlabelled)
    start = initial(material.vocabulary.sizes, len(material.labels), width=recipe.width, seed=recipe.seed)
    everything = [*material.told, *material.untold]
    start = pretrain(start, everything, recipe.pretraining, _saying(progress, "hidden symbols"))
    learn_from = partial(fit, start, noise=recipe.noise)

    told = [one for place, one in enumerate(material.told) if place not in material.aside]
    teacher = learn_from(
        told,
        [stated(one, len(material.labels)) for one in told],
        course=recipe.course(recipe.teacher_epochs, seed=recipe.seed),
        progress=_saying(progress, "teacher"),
    )
    students: list[Parameters] = []
    for number in range(1, recipe.students + 1):
        taught = _taught(
            averaged(students or [teacher]), material, aside=material.aside if number == 1 else frozenset()
        )
        student = learn_from(
            everything,
            taught,
            course=recipe.course(recipe.student_epochs, seed=recipe.seed + number),
            progress=_saying(progress, f"student {number} of {recipe.students}"),
        )
        students.append(student)
        if number == 1:
            checked = _checked(student, material, labelled)
            progress(f"student 1 on what it was not told: span F1 {checked.span_f1:.4f}")
    return _rounded(material, averaged(students)), checked


# ---- inside -----------------------------------------------------------------------------------------------------


def _material(labelled: Sequence[LabelledAddress], unlabelled: Sequence[str]) -> Material:
    spelled = [(number, row) for number, address in enumerate(labelled) for row in _spellings(address)]
    others = [tokens for text in unlabelled if (tokens := tokenise(normalise(text)))]
    labels = tuple(sorted({label for _, row in spelled for label in row.labels}))
    vocabulary = Vocabulary.of([*(row.tokens for _, row in spelled), *others])
    return Material(
        labels=labels,
        vocabulary=vocabulary,
        told=[example(vocabulary, row.tokens, [labels.index(label) for label in row.labels]) for _, row in spelled],
        untold=[example(vocabulary, tokens) for tokens in others],
        aside=frozenset(place for place, (number, _) in enumerate(spelled) if number % ASIDE == 0),
    )


def _spellings(address: LabelledAddress) -> list[LabelledAddress]:
    """As it was written and, where that differs, as the stage spells it."""
    other = normalised(address)
    return [address] if other is None or other is address else [address, other]


def _taught(teacher: Parameters, material: Material, *, aside: frozenset[int]) -> list[Goal]:
    """What all examples should be read as: what the teacher says, and half of it what people said."""
    goals = say(teacher, [*material.told, *material.untold])
    for place, one in enumerate(material.told):
        if place not in aside:
            goals[place] = mixed(stated(one, len(material.labels)), goals[place])
    return goals


def _checked(student: Parameters, material: Material, labelled: Sequence[LabelledAddress]) -> Figures:
    rows = labelled[::ASIDE]
    found = AddressTagger(_rounded(material, student), "unfinished").tag([row.tokens for row in rows])
    return figures([spans(row.labels) for row in rows], found)


def _rounded(material: Material, parameters: Parameters) -> Learned:
    return Learned(
        labels=material.labels,
        vocabulary=material.vocabulary,
        parameters={name: np.asarray(value).astype(np.float16) for name, value in parameters.items()},
    )


def _saying(progress: Progress, what: str) -> Progress:
    return lambda text: progress(f"{what}: {text}")
