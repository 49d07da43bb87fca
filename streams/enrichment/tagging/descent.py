"""Going down a loss: Adam with warm-up and cosine decay, and the running average of the parameters."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import jax
import numpy as np
import optax

from streams.enrichment.tagging.trainable import Noise, Parameters

Loss = Callable[..., Any]
"""`loss(parameters, key, noise, *batch)`: a number."""
Step = Callable[..., Any]
"""`step(parameters, state, average, rate, key, *batch)`: the first three after it, and the loss before it."""

_KEPT_PER_STEP: Final = 0.995  # of the averaged parameters: they are what is served
_LARGEST_GRADIENT: Final = 5.0
_WARM_UP, _LAST_RATE = 100, 0.02  # steps; share of the rate that the last step still has
_RULE: Final = optax.chain(
    optax.clip_by_global_norm(_LARGEST_GRADIENT), optax.scale_by_adam(), optax.add_decayed_weights(1e-4)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How far one learning goes: `epochs` over all examples, `rows` of them at a step, at most `rate` at once."""

    epochs: int
    rows: int
    rate: float
    seed: int


def rate_at(step: int, *, steps: int, rate: float) -> float:
    """The rate of one of all steps: linear warm-up, then half a cosine down to a fiftieth."""
    if step <= _WARM_UP:
        return rate * step / _WARM_UP
    way = (step - _WARM_UP) / max(1, steps - _WARM_UP)
    return rate * (_LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * min(1.0, way))) / 2)


def descend(
    parameters: Parameters,
    step: Step,
    epoch: Callable[[], Iterator[tuple[Any, ...]]],
    *,
    steps: int,
    course: Course,
    progress: Callable[[str], None],
) -> Parameters:
    """Go down the whole course. Returns the running average of the parameters.

    `epoch` gives the batches of one, of which there are `steps`.
    """
    average: Parameters = parameters
    state, key, count = _RULE.init(parameters), jax.random.key(course.seed, impl="rbg"), 0
    for number in range(course.epochs):
        values = []
        for given in epoch():
            count += 1
            rate = np.float32(rate_at(count, steps=steps * course.epochs, rate=course.rate))
            parameters, state, average, value = step(
                parameters, state, average, rate, jax.random.fold_in(key, count), *given
            )
            values.append(value)
        progress(f"epoch {number + 1} of {course.epochs}, loss {float(np.mean(values)):.3f}")
    return {name: np.asarray(value) for name, value in average.items()}


@cache  # compiling costs more than an epoch: once for all who learn the same
def step(loss: Loss, noise: Noise) -> Step:
    """One step of Adam, and of the running average of the parameters."""

    @jax.jit
    def one(parameters: Any, state: Any, average: Any, rate: Any, key: Any, *given: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(parameters, key, noise, *given)
        change, state = _RULE.update(gradient, state, parameters)
        parameters = jax.tree.map(lambda a, b: a - rate * b, parameters, change)
        average = jax.tree.map(lambda a, b: _KEPT_PER_STEP * a + (1 - _KEPT_PER_STEP) * b, average, parameters)
        return parameters, state, average, value

    return one
