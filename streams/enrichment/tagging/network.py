"""The network of the tagger, in numpy: a score of every label for every token of a batch of addresses.

The sum of what is known of a token (embeddings of its symbol and n-grams, marks) runs through gated convolutions: a
token looks at its two neighbours at some distance, channel by channel, then one matrix mixes the channels (depthwise
separable: Chollet 2017; gate: Dauphin et al. 2017); the result is added to what came before. The addresses of a batch
lie one behind the other, with as many empty rows between them as a token looks far: every layer is a few numpy calls,
for one address as for many.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from streams.enrichment.tagging.features import GRAMS, Encoded

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]

REACHES: Final = (1, 2, 4, 8)
"""How far away the neighbours are that each layer looks at, in tokens."""
DAMPING: Final = 0.8  # of a layer's sum: keeps what flows through of one size without normalisation
_GAP: Final = max(REACHES)
EMBEDDINGS: Final = ("symbol", "before", "after", "around")
"""The parts of `Parameters` that the four columns of `Encoded.grams` point into."""

Parameters = Mapping[str, NDArray[np.floating]]
"""What training finds, by name: see `streams.enrichment.tagging.training.initial`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One gated convolution, in the scale of `Network`."""

    reach: int
    before: Floats  # of each channel: weight of the token before, itself, the token after
    itself: Floats
    after: Floats
    mixing: Floats  # width x 2 width: halves of values, then of gates
    bias: Floats

    @classmethod
    def of(cls, number: int, parameters: Parameters) -> Self:
        """The layer of that number.

        Scale: instead of damping the sum in every layer, later layers read less and add more, which saves a pass.
        Value x sigmoid(gate) is half the value x (1 + tanh(half the gate)), and tanh cannot overflow: both are halved.
        """
        scale = DAMPING**number
        kernel = _f32(parameters[f"kernel_{number}"]) * np.float32(scale)
        mixing, bias = (_f32(parameters[f"{name}_{number}"]) * np.float32(0.5) for name in ("mixing", "bias"))
        values = len(bias) // 2
        mixing[:, :values] /= scale
        bias[:values] /= scale
        return cls(reach=REACHES[number], before=kernel[0], itself=kernel[1], after=kernel[2], mixing=mixing, bias=bias)

    def added_to(self, padded: Floats) -> None:
        """Add what this layer says to the rows of `padded` between its margins of `_GAP` empty rows."""
        count, reach = len(padded) - 2 * _GAP, self.reach
        state = padded[_GAP : _GAP + count]
        seen = state * self.itself
        seen += padded[_GAP - reach : _GAP - reach + count] * self.before
        seen += padded[_GAP + reach : _GAP + reach + count] * self.after
        mixed = seen @ self.mixing
        mixed += self.bias
        width = state.shape[1]
        gate = np.tanh(mixed[:, width:])
        gate += 1
        gate *= mixed[:, :width]
        state += gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The parameters, arranged for speed: embeddings are already multiplied by the first matrix."""

    table: Floats  # all embeddings, one table below the other; the columns of grams begin at `offsets`
    offsets: Ints
    marks: Floats
    bias: Floats
    layers: tuple[Layer, ...]
    output: Floats
    output_bias: Floats

    @classmethod
    def of(cls, parameters: Parameters) -> Self:
        """Arrange what training found."""
        tables = [_f32(parameters[_table_of(name)]) @ _f32(parameters[f"{name}_in"]) for name in EMBEDDINGS]
        sizes = [len(table) for table in tables]
        return cls(
            table=np.concatenate(tables),
            offsets=np.array([0, *accumulate(sizes[:-1])], np.intp),
            marks=_f32(parameters["marks_in"]),
            bias=_f32(parameters["bias_in"]),
            layers=tuple(Layer.of(number, parameters) for number in range(len(REACHES))),
            output=_f32(parameters["output"]) * np.float32(DAMPING ** len(REACHES)),
            output_bias=_f32(parameters["output_bias"]),
        )

    def scores(self, encoded: Encoded) -> Floats:
        """Tokens x labels."""
        known = self.table.take(encoded.grams + self.offsets, axis=0).sum(axis=1)
        known += encoded.marks @ self.marks
        known += self.bias
        state = self._through_layers(np.tanh(known), encoded.lengths)
        scores: Floats = state @ self.output
        scores += self.output_bias
        return scores

    def _through_layers(self, state: Floats, lengths: tuple[int, ...]) -> Floats:
        count = len(state) + _GAP * (len(lengths) - 1)
        padded = np.zeros((count + 2 * _GAP, state.shape[1]), np.float32)
        if len(lengths) == 1:
            padded[_GAP:-_GAP] = state
            for layer in self.layers:
                layer.added_to(padded)
            return padded[_GAP:-_GAP]
        # What one layer says in the rows between two addresses is no state: the next one must find them empty.
        shifts = np.arange(1, len(lengths) + 1) * _GAP
        rows = np.arange(len(state)) + np.repeat(shifts, lengths)
        empty = np.ones(len(padded), bool)
        empty[rows] = False
        padded[rows] = state
        for layer in self.layers:
            layer.added_to(padded)
            padded[empty] = 0
        return padded[rows]


def _table_of(name: str) -> str:
    """Both bigrams of a token are looked up in one table, and weighed differently."""
    return "bigram" if name in {"before", "after"} else name


def _f32(array: NDArray[np.floating]) -> Floats:
    return np.ascontiguousarray(array, np.float32)


assert len(EMBEDDINGS) == GRAMS  # noqa: S101
