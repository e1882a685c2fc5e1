"""A recurrent policy over sequences of decisions, trained by reinforcement: NASAIC's controller.

Yang et al., "Co-Exploration of Neural Architectures and Heterogeneous ASIC Accelerator Designs
Targeting Multiple Tasks" (DAC 2020), after Zoph and Le, "Neural Architecture Search with
Reinforcement Learning" (ICLR 2017). An LSTM (Hochreiter and Schmidhuber 1997) reads the decision
before and gives the probabilities of the next one. REINFORCE (Williams 1992) shifts its weights
towards the decisions that were rewarded above a moving average. Gradients are exact, by
backpropagation through time.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: Logit of a value that a decision does not have: its probability is 0 exactly, and finite times 0
#: stays 0.
_NEVER: Final = -1e30
#: Weights start uniformly in plus and minus this (Zoph and Le 2017).
_SPREAD: Final = 0.08
#: Decay of RMSProp's mean of squared gradients, and what keeps its root from 0.
_SQUARES_DECAY: Final = 0.99
_EPSILON: Final = 1e-8


@dataclass(frozen=True, slots=True)
class Sample:
    """A sequence of decisions.

    Attributes:
        decisions: index of each decision's value.
        log_probability: natural logarithm of the probability with which the drawn ones were drawn.
        given: how many decisions at the front were given; the others were drawn.
    """

    decisions: tuple[int, ...]
    log_probability: float
    given: int = 0


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of the policy, or their gradient: views of one vector.

    T decisions have at most M values; the LSTM reads E features and has H cells. Gates stand in the
    order input, forget, output, candidate. Entries of values that a decision does not have are
    never used.

    Attributes:
        flat: all of them, shape (weights,).
        embedding: `T x M x E`; `[t, v]` enters step t after value v of decision t - 1; `[0, 0]`
            enters the first step.
        input: `E x 4H`, from embedding to gates.
        recurrent: `H x 4H`, from the cells' outputs one step before to gates.
        gates: `4H`, biases of the gates.
        head: `T x M x H`, from the cells' outputs to the logits of each decision.
        bias: `T x M`, biases of the logits.
    """

    flat: Floats
    embedding: Floats
    input: Floats
    recurrent: Floats
    gates: Floats
    head: Floats
    bias: Floats

    @classmethod
    def zeros(cls, sizes: Sequence[int], hidden: int, embedding: int) -> Weights:
        """Weights that are all 0, of T = len(sizes), H = hidden, E = embedding."""
        steps, most, gates = len(sizes), max(sizes), 4 * hidden
        lstm = (embedding, gates), (hidden, gates), (gates,)
        shapes = (steps, most, embedding), *lstm, (steps, most, hidden), (steps, most)
        ends = np.cumsum([math.prod(shape) for shape in shapes])
        flat = np.zeros(ends[-1])
        parts = np.split(flat, ends[:-1])
        return cls(flat, *(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)))


class Controller:
    """A policy that draws sequences of decisions, and learns from their rewards.

    The paper reports RMSProp from a learning rate of 0.99 that decays by 0.5 every 50 steps. The
    optimiser and the form of the decay are the same here, the defaults are not: RMSProp moves every
    weight by about the rate, whatever the gradient's size, so that 0.99 saturates an LSTM whose
    weights are below 0.1, and fixes an arbitrary sequence, in a few updates; and a rate that halves
    every 50 is a thousandth of itself after 500, so that late rewards teach nothing. The mean of
    squares is corrected for its start at 0 (Kingma and Ba 2015), without which the first step is
    tenfold. The entropy bonus (Williams and Peng 1991) and the bound of the gradient's norm are
    additions: the one keeps a decision from being settled before alternatives are tried, the other
    keeps a large penalty in one reward from undoing what was learnt.

    Args:
        sizes: number of values of each decision, in the order in which they are decided.
        hidden: cells of the LSTM.
        embedding: features of a decision's value.
        rate: learning rate of the first update.
        rate_decay: factor of the learning rate over `rate_steps` updates, exponentially.
        rate_steps: see `rate_decay`.
        entropy: weight of the entropy bonus, in units of reward per nat: it suits rewards of
            about 1, and drowns much smaller ones.
        discount: gamma of the paper: decision t of T counts by discount^(T - t).
        baseline_decay: of the moving average of rewards.
        clip: a gradient with a larger Euclidean norm is scaled down to it.
        seed: of the first weights.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        hidden: int = 64,
        embedding: int = 32,
        rate: float = 0.003,
        rate_decay: float = 1.0,
        rate_steps: int = 50,
        entropy: float = 0.01,
        discount: float = 1.0,
        baseline_decay: float = 0.95,
        clip: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.sizes = tuple(operator.index(size) for size in sizes)
        _expect(min(self.sizes, default=0) >= 1, "sizes: expected one or more, each >= 1", sizes)
        _expect(hidden >= 1, "hidden: expected at least 1", hidden)
        _expect(embedding >= 1, "embedding: expected at least 1", embedding)
        _expect(0 < rate < math.inf, "rate: expected a finite number above 0", rate)
        _expect(0 < rate_decay <= 1, "rate_decay: expected above 0 and at most 1", rate_decay)
        _expect(rate_steps >= 1, "rate_steps: expected at least 1", rate_steps)
        _expect(0 <= entropy < math.inf, "entropy: expected a finite number, not below 0", entropy)
        _expect(0 < discount <= 1, "discount: expected above 0 and at most 1", discount)
        _expect(0 <= baseline_decay <= 1, "baseline_decay: expected 0 to 1", baseline_decay)
        _expect(clip > 0, "clip: expected a number above 0", clip)
        self.hidden, self.embedding = hidden, embedding
        self.rate, self.rate_decay, self.rate_steps = rate, rate_decay, rate_steps
        self.entropy, self.baseline_decay, self.clip = entropy, baseline_decay, clip
        self.weights = Weights.zeros(self.sizes, hidden, embedding)
        shape = self.weights.flat.shape
        self.weights.flat[:] = np.random.default_rng(seed).uniform(-_SPREAD, _SPREAD, shape)
        self.squares: Floats = np.zeros(shape)  # RMSProp's mean of squared gradients
        self.baseline = 0.0  # means nothing before the first update
        self.steps = 0  # updates so far
        powers = [discount**left for left in reversed(range(len(self.sizes)))]
        self._discounts: Floats = np.array(powers)[:, np.newaxis]  # T x 1
        lacking = np.arange(max(self.sizes)) >= np.array(self.sizes)[:, np.newaxis]
        self._mask: Floats = np.where(lacking, _NEVER, 0.0)[:, np.newaxis, :]  # T x 1 x M

    def sample(self, random: np.random.Generator, fixed: Sequence[int] | None = None) -> Sample:
        """A sequence drawn from the policy.

        Args:
            random: one number of it is used for every drawn decision.
            fixed: the first decisions, where they are given and not drawn.
        """
        given = tuple(operator.index(value) for value in (fixed if fixed is not None else ()))
        self._check_decisions(given, "fixed")
        total = 0.0

        def pick(step: int, logs: Floats) -> int:
            nonlocal total
            if step < len(given):
                return given[step]
            heights = np.exp(logs).cumsum()
            # Rounding may leave the last height a little below 1, and the number above it.
            value = min(int(heights.searchsorted(random.random(), "right")), len(logs) - 1)
            total += float(logs[value])
            return value

        return Sample(self._walk(pick), total, len(given))

    def probabilities(self, decisions: Sequence[int]) -> tuple[Floats, ...]:
        """Probabilities of the values of each decision, given the decisions before it."""
        found = np.exp(self._forward(self._array([Sample(tuple(decisions), 0.0)])).logs[:, 0])
        return tuple(found[step, :size] for step, size in enumerate(self.sizes))

    def update(self, samples: Sequence[Sample], rewards: Sequence[float]) -> None:
        """One step of REINFORCE over a batch, and of the baseline after it.

        Samples should be of the present weights, as the gradient is of the policy that drew them.
        The first baseline is the mean of the first rewards.
        """
        counts = len(samples), len(rewards)
        _expect(0 < counts[0] == counts[1], "update: expected samples, a reward of each", counts)
        earned: Floats = np.array(rewards, dtype=np.float64)
        _expect(bool(np.isfinite(earned).all()), "rewards: expected finite numbers", rewards)
        mean = float(earned.mean())
        baseline = self.baseline if self.steps else mean
        _, gradient = self.objective(samples, earned - baseline)
        self._ascend(gradient.flat)
        self.baseline = baseline + (1 - self.baseline_decay) * (mean - baseline)

    def objective(self, samples: Sequence[Sample], advantages: Floats) -> tuple[float, Weights]:
        """What an update ascends, and its gradient.

        It is the mean over samples of advantage (R_k - b) times the discounted log-probabilities of
        the drawn decisions, whose gradient is the policy gradient of NASAIC; and of the entropy of
        the drawn decisions, weighted.

        Args:
            samples: a batch of B sequences; log-probabilities are computed anew.
            advantages: reward less baseline of each, shape (B,).
        """
        decisions = self._array(samples)
        run = self._forward(decisions)
        steps, batch = decisions.shape
        drawn = np.arange(steps)[:, np.newaxis] >= np.array([s.given for s in samples])
        weight = drawn * self._discounts * advantages / batch  # T x B
        bonus = self.entropy * drawn / batch
        p = np.exp(run.logs)
        entropy = -(p * run.logs).sum(axis=2)
        place = np.arange(steps)[:, np.newaxis], np.arange(batch), decisions
        value = float((weight * run.logs[place]).sum() + (bonus * entropy).sum())
        # d log p_a / d logit_v = [a = v] - p_v; d entropy / d logit_v = -p_v (log p_v + entropy)
        d_logits = -weight[..., np.newaxis] * p
        d_logits[place] += weight
        d_logits -= bonus[..., np.newaxis] * p * (run.logs + entropy[..., np.newaxis])
        return value, self._backward(run, d_logits)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """All that changes as it learns, as copies. Arguments of the constructor are not in it."""
        return {
            "layout": np.array([self.hidden, self.embedding, *self.sizes], dtype=np.int64),
            "weights": self.weights.flat.copy(),
            "squares": self.squares.copy(),
            "baseline": np.array(self.baseline),
            "steps": np.array(self.steps, dtype=np.int64),
        }

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on, bit by bit alike, from the state of a controller with the same arguments.

        Raises:
            ValueError: it is not such a state; nothing has changed then.
        """
        own = self.state()
        _expect(set(state) == set(own), f"state: expected {', '.join(own)}", ", ".join(state))
        layout, found = own["layout"].tolist(), np.asarray(state["layout"]).tolist()
        _expect(found == layout, f"state: expected sizes of layers {layout}", found)
        for name, array in own.items():
            kind, other = ((a.dtype, a.shape) for a in (array, np.asarray(state[name])))
            _expect(other == kind, f"state: {name}: expected type and shape {kind}", other)
        self.weights.flat[:] = state["weights"]
        self.squares[:] = state["squares"]
        self.baseline, self.steps = float(state["baseline"]), int(state["steps"])

    def _walk(self, pick: Callable[[int, Floats], int]) -> tuple[int, ...]:
        """A sequence of what is picked, given each decision's place and log-probabilities."""
        w = self.weights
        output = memory = np.zeros(self.hidden)
        decisions: list[int] = []
        value = 0
        for step, size in enumerate(self.sizes):
            gates = w.embedding[step, value] @ w.input + output @ w.recurrent + w.gates
            active, memory, squashed = _cell(gates, memory)
            output = active[2 * self.hidden : 3 * self.hidden] * squashed
            logits = w.head[step, :size] @ output + w.bias[step, :size]
            value = pick(step, _log_softmax(logits))
            decisions.append(value)
        return tuple(decisions)

    def _forward(self, decisions: Integers) -> _Run:
        """The policy along given decisions, shape (T, B)."""
        w, n = self.weights, self.hidden
        steps, batch = decisions.shape
        read = np.zeros_like(decisions)
        read[1:] = decisions[:-1]
        inputs = w.embedding[np.arange(steps)[:, np.newaxis], read]
        gates = inputs @ w.input + w.gates
        active, squashed = np.empty((steps, batch, 4 * n)), np.empty((steps, batch, n))
        # One place longer: at 0 stands what is before the first step.
        memory, outputs = np.zeros((2, steps + 1, batch, n))
        for step in range(steps):
            before = gates[step] + outputs[step] @ w.recurrent
            active[step], memory[step + 1], squashed[step] = _cell(before, memory[step])
            outputs[step + 1] = active[step, :, 2 * n : 3 * n] * squashed[step]
        logits = outputs[1:] @ w.head.transpose(0, 2, 1) + w.bias[:, np.newaxis] + self._mask
        return _Run(read, inputs, active, memory, squashed, outputs, _log_softmax(logits))

    def _backward(self, run: _Run, d_logits: Floats) -> Weights:
        """Gradient by weights, from that by logits of shape (T, B, M)."""
        w, n = self.weights, self.hidden
        gradient = Weights.zeros(self.sizes, n, self.embedding)
        gradient.head[:] = d_logits.transpose(0, 2, 1) @ run.outputs[1:]
        gradient.bias[:] = d_logits.sum(axis=1)
        d_outputs = d_logits @ w.head
        d_gates = np.empty_like(run.active)
        d_memory, d_later = np.zeros((2, *run.memory[0].shape))  # through the step after
        for step in reversed(range(len(d_logits))):
            i, f, o, g = np.split(run.active[step], 4, axis=1)
            d_output, squashed = d_outputs[step] + d_later, run.squashed[step]
            d_memory += d_output * o * (1 - squashed**2)
            d_gates[step, :, :n] = d_memory * g * i * (1 - i)
            d_gates[step, :, n : 2 * n] = d_memory * run.memory[step] * f * (1 - f)
            d_gates[step, :, 2 * n : 3 * n] = d_output * squashed * o * (1 - o)
            d_gates[step, :, 3 * n :] = d_memory * i * (1 - g**2)
            d_memory *= f
            d_later = d_gates[step] @ w.recurrent.T
        flat_gates = d_gates.reshape(-1, 4 * n)
        gradient.input[:] = run.inputs.reshape(-1, self.embedding).T @ flat_gates
        gradient.recurrent[:] = run.outputs[:-1].reshape(-1, n).T @ flat_gates
        gradient.gates[:] = flat_gates.sum(axis=0)
        place = np.arange(len(d_logits))[:, np.newaxis], run.read
        np.add.at(gradient.embedding, place, d_gates @ w.input.T)  # a value may be read repeatedly
        return gradient

    def _ascend(self, gradient: Floats) -> None:
        """One step of RMSProp (Tieleman and Hinton 2012) up a gradient, which it may scale."""
        norm = float(np.linalg.norm(gradient))
        if norm > self.clip:
            gradient *= self.clip / norm
        self.squares *= _SQUARES_DECAY
        self.squares += (1 - _SQUARES_DECAY) * gradient**2
        rate = self.rate * self.rate_decay ** (self.steps / self.rate_steps)
        self.steps += 1
        mean = self.squares / (1 - _SQUARES_DECAY**self.steps)
        self.weights.flat[:] += rate * gradient / (np.sqrt(mean) + _EPSILON)

    def _array(self, samples: Sequence[Sample]) -> Integers:
        """Decisions of samples, shape (T, B), after a check of each."""
        steps = len(self.sizes)
        for place, sample in enumerate(samples):
            where, count = f"samples[{place}]", len(sample.decisions)
            _expect(count == steps, f"{where}: expected {steps} decisions", count)
            _expect(0 <= sample.given <= steps, f"{where}.given: expected 0 to {steps}", sample)
            self._check_decisions(sample.decisions, where)
        return np.array([sample.decisions for sample in samples], dtype=np.int64).T

    def _check_decisions(self, decisions: tuple[int, ...], where: str) -> None:
        most = len(self.sizes)
        _expect(len(decisions) <= most, f"{where}: expected at most {most}", len(decisions))
        for step, (value, size) in enumerate(zip(decisions, self.sizes, strict=False)):
            _expect(0 <= value < size, f"{where}: decision {step}: expected 0 to {size - 1}", value)


@dataclass(frozen=True, slots=True)
class _Run:
    """What the backward pass needs of a forward pass; T steps, batch B, letters as in `Weights`.

    Attributes:
        read: `T x B`, value of the decision before each step; 0 before the first.
        inputs: `T x B x E`, its embedding.
        active: `T x B x 4H`, gates after their non-linearities.
        memory, outputs: `(T + 1) x B x H`, of the cells; `[t + 1]` is after step t.
        squashed: `T x B x H`, hyperbolic tangent of memory after each step.
        logs: `T x B x M`, log-probabilities.
    """

    read: Integers
    inputs: Floats
    active: Floats
    memory: Floats
    squashed: Floats
    outputs: Floats
    logs: Floats


def _cell(gates: Floats, memory: Floats) -> tuple[Floats, Floats, Floats]:
    """Activated gates, memory after the step and its hyperbolic tangent.

    Args:
        gates: before their non-linearities, shape (..., 4H).
        memory: before the step, shape (..., H).
    """
    n = memory.shape[-1]
    active = np.empty_like(gates)
    # The logistic function as a hyperbolic tangent, which does not overflow.
    active[..., : 3 * n] = 0.5 + 0.5 * np.tanh(0.5 * gates[..., : 3 * n])
    active[..., 3 * n :] = np.tanh(gates[..., 3 * n :])
    after = active[..., n : 2 * n] * memory + active[..., :n] * active[..., 3 * n :]
    return active, after, np.tanh(after)


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    logs: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return logs


def _expect(holds: bool, expected: str, found: object) -> None:
    if not holds:
        raise ValueError(f"{expected}, found {found}")
