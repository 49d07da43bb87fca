"""What can be learned: hidden symbols of any address, and the labels that people or a teacher give."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from streams.enrichment.tagging.batches import Example, Goal, batches, certain, goals_of, mixed, padded
from streams.enrichment.tagging.decode import decode
from streams.enrichment.tagging.descent import Course, descend, step
from streams.enrichment.tagging.features import PADDING, UNSEEN
from streams.enrichment.tagging.trainable import Batch, Noise, Parameters, log_partition, marginals, scores, states

Progress = Callable[[str], None]

_HIDDEN_SHARE: Final = 0.18  # of symbols are hidden, to be guessed
_GUESSING: Final = Noise(dropout=0.1, unseen=0.0)
_SAID_AT_ONCE: Final = 128  # rows


def pretrain(parameters: Parameters, examples: Sequence[Example], course: Course, progress: Progress) -> Parameters:
    """Guess hidden symbols from what stands around them. N-grams that hold a hidden symbol are hidden with it."""
    random = np.random.default_rng(course.seed)
    width, symbols = parameters["output"].shape[0], len(parameters["symbol"])
    guessing = {
        **parameters,
        "guess": random.normal(0.0, 0.05, (width, symbols)).astype(np.float32),
        "guess_bias": np.zeros(symbols, np.float32),
    }

    def epoch() -> Iterator[tuple[Any, ...]]:
        for chosen, length in batches(examples, course.rows, random):
            batch = padded([examples[number] for number in chosen], length)
            yield batch, *_places_to_hide(batch[0], random)

    steps = sum(1 for _ in batches(examples, course.rows))
    learned = descend(guessing, step(_loss_of_guesses, _GUESSING), epoch, steps=steps, course=course, progress=progress)
    return {name: learned[name] for name in parameters}


def fit(
    parameters: Parameters,
    examples: Sequence[Example],
    goals: Sequence[Goal],
    *,
    noise: Noise,
    course: Course,
    progress: Progress,
) -> Parameters:
    """Learn to read `examples` as `goals` say."""
    random = np.random.default_rng(course.seed)

    def epoch() -> Iterator[tuple[Any, ...]]:
        for chosen, length in batches(examples, course.rows, random):
            yield padded([examples[number] for number in chosen], length), *goals_of([goals[n] for n in chosen], length)

    steps = sum(1 for _ in batches(examples, course.rows))
    return descend(parameters, step(_loss_of_labels, noise), epoch, steps=steps, course=course, progress=progress)


def say(network: Parameters, examples: Sequence[Example]) -> list[Goal]:
    """What a network says of examples: the likeliest path, and shares that lie half on it, half as it is unsure."""
    transitions = np.asarray(network["transitions"]).tolist()
    found: list[Goal | None] = [None] * len(examples)
    for chosen, length in batches(examples, _SAID_AT_ONCE):
        batch = padded([examples[number] for number in chosen], length)
        emissions, shares = (np.asarray(array) for array in _reading(network, batch))
        for row, number in enumerate(chosen):
            size = len(examples[number].grams)
            (path,) = decode(emissions[row, :size], [size], transitions)
            unsure = Goal(shares=shares[row, :size], path=np.array(path, np.int32))
            found[number] = mixed(unsure, Goal(shares=certain(path, shares.shape[2]), path=unsure.path))
    return [goal for goal in found if goal is not None]


# ---- inside -----------------------------------------------------------------------------------------------------


def _loss_of_labels(parameters: Parameters, key: Any, noise: Noise, *given: Any) -> Any:
    """How unlikely what an example should be read as is, by the chain of labels."""
    batch, shares, path = given
    emissions = scores(parameters, batch, key, noise)
    there = batch[0][..., 0] != PADDING
    total = log_partition(emissions, parameters["transitions"], there)
    reached = (emissions * shares).sum(axis=(1, 2))
    along = parameters["transitions"][path[:, :-1], path[:, 1:]] * there[:, 1:]
    return (total - reached - along.sum(axis=1)).mean()


def _loss_of_guesses(parameters: Parameters, key: Any, noise: Noise, *given: Any) -> Any:
    """How unlikely the hidden symbols are."""
    (grams, marks), places, weights = given
    hidden = jnp.zeros(grams.shape[:2], bool).reshape(-1).at[places].max(weights > 0).reshape(grams.shape[:2])
    state = states(parameters, (_hidden(grams, hidden), jnp.zeros_like(marks)), key, noise)
    wanted = grams[..., 0].reshape(-1)[places]
    guess = state.reshape(-1, state.shape[-1])[places] @ parameters["guess"] + parameters["guess_bias"]
    counted = weights * (wanted > UNSEEN)
    likely = jnp.take_along_axis(jax.nn.log_softmax(guess), wanted[:, None], axis=-1)[:, 0]
    return -(likely * counted).sum() / (counted.sum() + 1)


@jax.jit
def _reading(parameters: Parameters, batch: Batch) -> tuple[Any, Any]:
    emissions = scores(parameters, batch)
    return emissions, marginals(emissions, parameters["transitions"], batch[0][..., 0] != PADDING)


def _places_to_hide(grams: NDArray[np.int32], random: np.random.Generator) -> tuple[NDArray[np.int32], Any]:
    """Places in the flattened batch, always as many (a shape is compiled once), and 1 where one is meant."""
    symbols = grams[..., 0].reshape(-1)
    chosen = np.nonzero((random.uniform(size=symbols.shape) < _HIDDEN_SHARE) & (symbols != PADDING))[0]
    most = int(len(symbols) * _HIDDEN_SHARE)
    places, weights = np.zeros(most, np.int32), np.zeros(most, np.float32)
    chosen = chosen[:most]
    places[: len(chosen)], weights[: len(chosen)] = chosen, 1.0
    return places, weights


def _hidden(grams: Any, hidden: Any) -> Any:
    """Grams with those numbers taken for unseen that say something of a hidden symbol."""
    before = jnp.pad(hidden, ((0, 0), (1, 0)))[:, :-1]
    after = jnp.pad(hidden, ((0, 0), (0, 1)))[:, 1:]
    tells = jnp.stack([hidden, hidden | before, hidden | after, hidden | before | after], axis=-1)
    return jnp.where(tells & (grams != PADDING), UNSEEN, grams)
