"""The recurrent controller: exact gradients, what it draws, and that it learns."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from chiploom.search.strategies.controller import Controller, Sample

SIZES = (3, 1, 4, 2, 5)


def small(**options: float) -> Controller:
    """A controller whose every weight matters: larger ones than it starts with."""
    controller = Controller(SIZES, hidden=5, embedding=3, **options)  # type: ignore[arg-type]
    controller.weights.flat[:] *= 10
    return controller


def batch(controller: Controller, fixed: tuple[int, ...] = (), count: int = 4) -> list[Sample]:
    random = np.random.default_rng(1)
    return [controller.sample(random, fixed) for _ in range(count)]


def trained(controller: Controller, updates: int, random: np.random.Generator) -> list[float]:
    """Mean reward of each update; the reward is the share of decisions that are the last value."""
    means = []
    last = np.array(controller.sizes) - 1
    for _ in range(updates):
        samples = [controller.sample(random) for _ in range(5)]
        rewards = [float(np.mean(np.array(s.decisions) == last)) for s in samples]
        controller.update(samples, rewards)
        means.append(float(np.mean(rewards)))
    return means


WEIGHTS = ("embedding", "input", "recurrent", "gates", "head", "bias")


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("fixed", [(), (2, 0, 3)])
@pytest.mark.parametrize("options", [{"entropy": 0.0}, {"entropy": 0.7, "discount": 0.8}])
def test_gradient_is_that_of_finite_differences(
    name: str, fixed: tuple[int, ...], options: dict[str, float]
) -> None:
    controller = small(**options)
    samples, advantages = batch(controller, fixed), np.array([1.0, -0.5, 2.0, 0.3])
    _, gradient = controller.objective(samples, advantages)
    exact, array = getattr(gradient, name), getattr(controller.weights, name)
    # The largest entries, so that a gradient of zeros fails, and some at random.
    largest = np.argsort(np.abs(exact), axis=None)[-6:]
    assert np.abs(exact).max() > 1e-3
    for place in [*largest, *np.random.default_rng(2).integers(array.size, size=10)]:
        at = np.unravel_index(place, array.shape)
        before, values = array[at], []
        for step in (1e-5, -1e-5):
            array[at] = before + step
            values.append(controller.objective(samples, advantages)[0])
        array[at] = before
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(exact[at], abs=1e-5, rel=1e-5)


@pytest.mark.parametrize("fixed", [(), (1, 0), (2, 0, 3, 1, 4)])
def test_log_probability_is_of_the_drawn_decisions_alone(fixed: tuple[int, ...]) -> None:
    controller = small(entropy=0.0)
    (sample,) = batch(controller, fixed, 1)
    chances = controller.probabilities(sample.decisions)
    drawn = range(len(fixed), len(SIZES))
    expected = sum(np.log(chances[step][sample.decisions[step]]) for step in drawn)
    assert sample.log_probability == pytest.approx(expected, abs=1e-12)
    value, gradient = controller.objective([sample], np.ones(1))
    assert value == pytest.approx(expected, abs=1e-12)
    # No weight of the logits of a given decision is moved by it.
    assert not gradient.head[: len(fixed)].any()
    assert gradient.head[len(fixed) :].any() == (len(fixed) < len(SIZES))


def test_discount_weighs_early_decisions_less() -> None:
    controller = small(entropy=0.0, discount=0.5)
    (sample,) = batch(controller, (), 1)
    chances = controller.probabilities(sample.decisions)
    logs = [np.log(p[value]) for p, value in zip(chances, sample.decisions, strict=True)]
    expected = sum(0.5 ** (4 - step) * log for step, log in enumerate(logs))
    assert controller.objective([sample], np.ones(1))[0] == pytest.approx(expected, abs=1e-12)


def test_probabilities_sum_to_one_and_draws_follow_them() -> None:
    controller = small()
    samples = batch(controller, (2, 0), 3000)
    for sample in samples[:50]:
        for size, chances in zip(SIZES, controller.probabilities(sample.decisions), strict=True):
            assert chances.shape == (size,)
            assert (chances > 0).all()
            assert chances.sum() == pytest.approx(1, abs=1e-12)
    expected = controller.probabilities((2, 0, 0, 0, 0))[2]
    found = np.bincount([s.decisions[2] for s in samples], minlength=4) / len(samples)
    assert found == pytest.approx(expected, abs=0.04)
    assert np.ptp(expected) > 0.1  # a policy that drew uniformly would be found out


def test_a_fixed_prefix_is_kept_and_the_rest_differs() -> None:
    samples = batch(small(), (2, 0, 1), 60)
    assert {s.decisions[:3] for s in samples} == {(2, 0, 1)}
    assert {s.given for s in samples} == {3}
    assert {s.decisions[3:] for s in samples} == {(a, b) for a in range(2) for b in range(5)}
    (whole,) = batch(small(), (2, 0, 1, 1, 4), 1)
    assert whole == Sample((2, 0, 1, 1, 4), 0.0, 5)


def test_equal_seeds_give_equal_controllers() -> None:
    assert batch(Controller(SIZES)) == batch(Controller(SIZES))
    assert batch(Controller(SIZES)) != batch(Controller(SIZES, seed=1))


@pytest.mark.parametrize("seed", range(3))
def test_it_learns_a_hidden_target(seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = random.integers(4, 7, size=8).tolist()
    target = random.integers(sizes)
    controller = Controller(sizes, hidden=32, embedding=16, seed=seed)
    means = []
    for _ in range(400):
        samples = [controller.sample(random) for _ in range(4)]
        rewards = [float(np.mean(np.array(s.decisions) == target)) for s in samples]
        controller.update(samples, rewards)
        means.append(np.mean(rewards))
    assert np.mean(means[:5]) < 0.45  # by chance 0.2
    assert np.mean(means[-50:]) > 0.95
    assert [p.argmax() for p in controller.probabilities(target.tolist())] == target.tolist()


def test_it_learns_a_decision_that_hangs_on_the_one_before() -> None:
    """The first is drawn evenly and given: only memory of it can say what the last should be."""
    random = np.random.default_rng(0)
    controller = Controller((4, 2, 4), hidden=16, embedding=8, rate=0.01)
    for _ in range(300):
        samples = [controller.sample(random, [int(random.integers(4))]) for _ in range(6)]
        rewards = [float(s.decisions[2] == (s.decisions[0] + 1) % 4) for s in samples]
        controller.update(samples, rewards)
    for first in range(4):
        assert controller.probabilities((first, 0, 0))[2].argmax() == (first + 1) % 4


def test_entropy_bonus_evens_probabilities_out() -> None:
    controller = small(entropy=1.0)
    samples = batch(controller)
    for _ in range(300):
        controller.update(samples, [0.0] * len(samples))
    for size, chances in zip(SIZES, controller.probabilities(samples[0].decisions), strict=True):
        assert chances == pytest.approx(np.full(size, 1 / size), abs=0.05)


def test_baseline_starts_at_the_mean_reward_and_follows_it() -> None:
    controller = small(entropy=0.0, baseline_decay=0.75)
    samples, start = batch(controller, (), 2), controller.weights.flat.copy()
    controller.update(samples, [3.0, 3.0])  # no better than the baseline
    assert controller.baseline == 3.0
    assert np.array_equal(controller.weights.flat, start)
    controller.update(samples, [5.0, 9.0])
    assert controller.baseline == pytest.approx(0.75 * 3 + 0.25 * 7)
    assert not np.array_equal(controller.weights.flat, start)


def test_a_step_has_the_bounded_size_of_the_decayed_rate() -> None:
    controller = small(entropy=0.0, rate=0.1, rate_decay=0.5, rate_steps=2)
    samples = batch(controller, (), 2)
    for step in range(4):
        controller.squares[:] = 0
        before = controller.weights.flat.copy()
        controller.update(samples, [1.0, 0.0])
        # With no squares before, RMSProp's step is the rate times root (1 - 0.99^n) / 0.01.
        expected = 0.1 * 0.5 ** (step / 2) * np.sqrt((1 - 0.99 ** (step + 1)) / 0.01)
        assert np.abs(controller.weights.flat - before).max() == pytest.approx(expected, rel=1e-3)


def test_the_norm_of_the_gradient_is_clipped() -> None:
    controller = small(clip=0.5)
    samples = batch(controller, (), 2)
    controller.update(samples, [1e6, -1e6])
    assert controller.squares.sum() == pytest.approx(0.01 * 0.5**2)


def test_a_restored_state_goes_on_bit_by_bit_alike(tmp_path: Path) -> None:
    one, random = small(), np.random.default_rng(0)
    trained(one, 20, random)
    np.savez(tmp_path / "state.npz", **one.state())  # type: ignore[arg-type]
    again = np.random.default_rng()
    again.bit_generator.state = random.bit_generator.state
    kept = one.state()
    ahead = trained(one, 20, random)
    other = Controller(SIZES, hidden=5, embedding=3, seed=9)
    with np.load(tmp_path / "state.npz") as state:
        other.restore(state)
    assert {n: a.tobytes() for n, a in other.state().items()} == {
        n: a.tobytes() for n, a in kept.items()
    }
    assert trained(other, 20, again) == ahead
    for name, array in one.state().items():
        assert array.tobytes() == other.state()[name].tobytes(), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": ()}, "sizes: expected one or more"),
        ({"sizes": (3, 0)}, r"sizes: .*found \(3, 0\)"),
        ({"hidden": 0}, "hidden: expected at least 1, found 0"),
        ({"embedding": 0}, "embedding: "),
        ({"rate": 0.0}, "rate: "),
        ({"rate": float("nan")}, "rate: .*found nan"),
        ({"rate_decay": 1.5}, "rate_decay: "),
        ({"rate_steps": 0}, "rate_steps: "),
        ({"entropy": -1.0}, "entropy: "),
        ({"discount": 0.0}, "discount: "),
        ({"baseline_decay": 2.0}, "baseline_decay: "),
        ({"clip": 0.0}, "clip: "),
    ],
)
def test_arguments_out_of_range(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Controller(**{"sizes": SIZES, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda c, s: c.sample(None, (3,)), "fixed: decision 0: expected 0 to 2, found 3"),
        (lambda c, s: c.sample(None, (0, -1)), "fixed: decision 1: .*found -1"),
        (lambda c, s: c.sample(None, (0,) * 6), "fixed: expected at most 5, found 6"),
        (lambda c, s: c.update([], []), "update: expected samples"),
        (lambda c, s: c.update([s], [1.0, 2.0]), r"update: .*found \(1, 2\)"),
        (lambda c, s: c.update([s], [float("inf")]), "rewards: expected finite"),
        (
            lambda c, s: c.update([s, dataclasses.replace(s, given=6)], [1.0, 1.0]),
            r"samples\[1\].given: expected 0 to 5",
        ),
        (lambda c, s: c.update([Sample((0,), 0.0)], [1.0]), "expected 5 decisions, found 1"),
        (lambda c, s: c.probabilities((0, 1, 0, 0, 0)), "decision 1: expected 0 to 0, found 1"),
    ],
)
def test_wrong_decisions_and_rewards(
    act: Callable[[Controller, Sample], object], message: str
) -> None:
    controller = small()
    (sample,) = batch(controller, (), 1)
    before = controller.state()
    with pytest.raises(ValueError, match=message):
        act(controller, sample)
    assert all(np.array_equal(before[n], array) for n, array in controller.state().items())


def test_states_that_do_not_fit() -> None:
    controller = small()
    state, before = small(seed=1).state(), controller.state()
    for wrong, message in (
        ({"steps": state["steps"]}, "state: expected layout, weights, .* found steps"),
        ({**state, "squares": state["squares"][:-1]}, "state: squares: expected type and shape"),
        ({**state, "weights": state["weights"].astype(np.float32)}, "state: weights: .*float32"),
        (Controller(SIZES).state(), r"state: expected sizes of layers \[5, 3, 3, .*found \[64, 32"),
    ):
        with pytest.raises(ValueError, match=message):
            controller.restore(wrong)
    assert all(np.array_equal(before[n], array) for n, array in controller.state().items())
