"""The network and the chain of labels in jax, for training: as `network.py` and `decode.py`, with padding and noise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from streams.enrichment.tagging.features import GRAMS, MARKS, PADDING, UNSEEN
from streams.enrichment.tagging.network import DAMPING, EMBEDDINGS, REACHES

Parameters = dict[str, Any]
Batch = tuple[Any, Any]
"""Grams (rows x tokens x GRAMS, zeros where a row has ended) and marks (rows x tokens x MARKS)."""

_SYMBOL_WIDTH, _GRAM_WIDTH = 64, 48


def initial(sizes: tuple[int, int, int], labels: int, *, width: int, seed: int) -> Parameters:
    """Parameters before training."""
    random = np.random.default_rng(seed)

    def normal(*shape: int, scale: float) -> NDArray[np.float32]:
        return random.normal(0.0, scale, shape).astype(np.float32)

    symbols, bigrams, trigrams = sizes
    inputs = _SYMBOL_WIDTH + 3 * _GRAM_WIDTH + MARKS
    found: Parameters = {
        "symbol": normal(symbols, _SYMBOL_WIDTH, scale=0.1),
        "bigram": normal(bigrams, _GRAM_WIDTH, scale=0.1),
        "around": normal(trigrams, _GRAM_WIDTH, scale=0.1),
        "marks_in": normal(MARKS, width, scale=inputs**-0.5),
        "bias_in": np.zeros(width, np.float32),
        "output": normal(width, labels, scale=0.3 * width**-0.5),
        "output_bias": np.zeros(labels, np.float32),
        "transitions": np.zeros((labels, labels), np.float32),
    }
    for name in EMBEDDINGS:
        rows = _SYMBOL_WIDTH if name == "symbol" else _GRAM_WIDTH
        found[f"{name}_in"] = normal(rows, width, scale=inputs**-0.5)
    itself = np.array([[0.0], [0.6], [0.0]], np.float32)
    for number in range(len(REACHES)):
        found[f"kernel_{number}"] = normal(3, width, scale=0.4) + itself
        found[f"mixing_{number}"] = normal(width, 2 * width, scale=width**-0.5)
        found[f"bias_{number}"] = np.zeros(2 * width, np.float32)
    return found


def averaged(networks: Sequence[Parameters]) -> Parameters:
    """The middle of networks that began alike."""
    return {name: np.mean([network[name] for network in networks], axis=0) for name in networks[0]}


# ---- the network ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What makes learning harder: dropped channels, n-grams taken for unseen, tokens without marks."""

    dropout: float
    unseen: float


def states(parameters: Parameters, batch: Batch, key: Any = None, noise: Noise | None = None) -> Any:
    """State of every token after the last layer; zeros where a row has ended."""
    grams, marks = batch
    there = (grams[..., :1] != PADDING).astype(jnp.float32)
    keys = iter(jax.random.split(key, GRAMS + 3 + len(REACHES))) if noise else iter(())
    columns = [grams[..., column] for column in range(GRAMS)]
    if noise:
        shares = (noise.unseen, 2 * noise.unseen, 2 * noise.unseen, 3 * noise.unseen)
        columns = [_unseen(next(keys), column, share) for column, share in zip(columns, shares, strict=True)]
        marks = marks * jax.random.bernoulli(next(keys), 1 - noise.unseen, (*marks.shape[:2], 1))
    tables = ("symbol", "bigram", "bigram", "around")
    parts = [parameters[table][column] for table, column in zip(tables, columns, strict=True)]
    known = jnp.concatenate([*parts, marks], axis=-1)
    matrix = jnp.concatenate([*(parameters[f"{name}_in"] for name in EMBEDDINGS), parameters["marks_in"]])
    state = jnp.tanh(_dropped(keys, known, noise) @ matrix + parameters["bias_in"]) * there
    for number, reach in enumerate(REACHES):
        seen = _looked_around(_dropped(keys, state, noise), parameters[f"kernel_{number}"], reach)
        value, gate = jnp.split(seen @ parameters[f"mixing_{number}"] + parameters[f"bias_{number}"], 2, axis=-1)
        state = DAMPING * (state + value * jax.nn.sigmoid(gate)) * there
    return _dropped(keys, state, noise)


def scores(parameters: Parameters, batch: Batch, key: Any = None, noise: Noise | None = None) -> Any:
    """Score of every label for every token."""
    return states(parameters, batch, key, noise) @ parameters["output"] + parameters["output_bias"]


# ---- the chain of labels (linear-chain conditional random field: Lafferty et al. 2001) --------------------------


def log_partition(emissions: Any, transitions: Any, there: Any) -> Any:
    """Log of the sum over all label sequences, a row each.

    In probabilities, rescaled at every token: a matrix product is much cheaper than a sum of exponentials.
    """
    factors = jnp.exp(transitions)

    def step(carry: tuple[Any, Any], now: tuple[Any, Any]) -> tuple[tuple[Any, Any], None]:
        reached, total = carry
        emission, is_there = now
        top = emission.max(axis=-1, keepdims=True)
        going = (reached @ factors) * jnp.exp(emission - top)
        size = going.sum(axis=-1, keepdims=True)
        total = jnp.where(is_there, total + jnp.log(size[:, 0]) + top[:, 0], total)
        return (jnp.where(is_there[:, None], going / size, reached), total), None

    top = emissions[:, 0].max(axis=-1, keepdims=True)
    start = jnp.exp(emissions[:, 0] - top)
    size = start.sum(axis=-1, keepdims=True)
    later = (emissions[:, 1:].swapaxes(0, 1), there[:, 1:].T)
    (_, total), _ = jax.lax.scan(step, (start / size, jnp.log(size[:, 0]) + top[:, 0]), later)
    return total


def marginals(emissions: Any, transitions: Any, there: Any) -> Any:
    """Probability of every label for every token: the gradient of the log-partition."""
    return jax.grad(lambda scores: log_partition(scores, transitions, there).sum())(emissions)


# ---- inside -----------------------------------------------------------------------------------------------------


def _unseen(key: Any, column: Any, share: float) -> Any:
    return jnp.where(jax.random.bernoulli(key, share, column.shape) & (column != PADDING), UNSEEN, column)


def _dropped(keys: Iterator[Any], values: Any, noise: Noise | None) -> Any:
    if noise is None:
        return values
    kept = jax.random.bernoulli(next(keys), 1 - noise.dropout, values.shape)
    return values * kept / (1 - noise.dropout)


def _looked_around(state: Any, kernel: Any, reach: int) -> Any:
    before = jnp.pad(state, ((0, 0), (reach, 0), (0, 0)))[:, :-reach]
    after = jnp.pad(state, ((0, 0), (0, reach), (0, 0)))[:, reach:]
    return before * kernel[0] + state * kernel[1] + after * kernel[2]
