"""What a search space is: named discrete parameters, and the network of every choice of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from onnx import ModelProto

from ...frontend.errors import InputError
from ...frontend.graph import LayerGraph
from ...frontend.zoo.builder import GraphBuilder
from ..lowering import ProgramBuilder, graph_of

Value = int | float | str

#: A value for every parameter that is active, by name, in the order of the space's parameters.
Choice = Mapping[str, Value]

#: What stands in a feature vector for a parameter that is not active.
INACTIVE: Final = -1.0


class ChoiceError(InputError):
    """A choice that is not one of the space."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One decision.

    Attributes:
        name: unique in its space; letters, digits, underscores and points.
        values: at least one, all distinct, from small to large where `kind` is `ordered`.
        kind: `ordered`: neighbours are next to each other. `categorical`: all are neighbours.
        when: a parameter before this one, and its values for which this is active; None: always.
    """

    name: str
    values: tuple[Value, ...]
    kind: Literal["ordered", "categorical"] = "ordered"
    when: tuple[str, tuple[Value, ...]] | None = None

    @property
    def numeric(self) -> bool:
        """Whether it enters a feature vector by its value."""
        return self.kind == "ordered" and not any(isinstance(v, str) for v in self.values)


class Space(ABC):
    """A set of networks. A subclass lists parameters, and makes the network of a choice.

    Attributes:
        name: of the space.
        source: where its choices are published.
        parameters: in the order in which they are decided; a condition names an earlier one.
        bits: width of all data of the networks it builds; None keeps 32-bit floats.
    """

    name: str
    source: str
    #: Layer graphs kept by `build`.
    cached: int = 512

    def __init__(self, parameters: Sequence[Parameter], *, bits: int | None = None) -> None:
        self.parameters: tuple[Parameter, ...] = tuple(parameters)
        self.bits = bits
        self._by_name = {parameter.name: parameter for parameter in self.parameters}
        self._built: OrderedDict[str, LayerGraph] = OrderedDict()
        _check_parameters(self.parameters)

    @abstractmethod
    def to_onnx(self, choice: Choice) -> ModelProto:
        """The network of a choice as an ONNX model without weights."""

    @abstractmethod
    def _graph(self, choice: Choice) -> LayerGraph:
        """The layer graph of a valid choice."""

    @property
    def size(self) -> int:
        """How many choices there are."""
        children: dict[str, list[Parameter]] = {}
        for parameter in self.parameters:
            if parameter.when is not None:
                children.setdefault(parameter.when[0], []).append(parameter)

        def count(parameter: Parameter) -> int:
            return sum(
                math.prod(count(child) for child in children.get(parameter.name, ())
                          if child.when is not None and value in child.when[1])
                for value in parameter.values
            )  # fmt: skip

        return math.prod(count(p) for p in self.parameters if p.when is None)

    def choices(self) -> Iterator[Choice]:
        """Every choice, the last parameter changing fastest."""

        def rest(index: int, chosen: dict[str, Value]) -> Iterator[Choice]:
            if index == len(self.parameters):
                yield dict(chosen)
                return
            parameter = self.parameters[index]
            if not _active(parameter, chosen):
                yield from rest(index + 1, chosen)
                return
            for value in parameter.values:
                chosen[parameter.name] = value
                yield from rest(index + 1, chosen)
            del chosen[parameter.name]

        return rest(0, {})

    def sample(self, random: np.random.Generator) -> Choice:
        """A random choice: every active parameter uniformly among its values."""
        chosen: dict[str, Value] = {}
        for parameter in self.parameters:
            if _active(parameter, chosen):
                chosen[parameter.name] = parameter.values[random.integers(len(parameter.values))]
        return chosen

    def neighbours(self, choice: Choice) -> list[Choice]:
        """Choices that differ in one parameter, by one step where its values are ordered.

        A parameter that becomes active by it takes its first value, one that becomes inactive is
        dropped.
        """
        self.validate(choice)
        found: list[Choice] = []
        for parameter in self.parameters:
            if parameter.name in choice:
                place = parameter.values.index(choice[parameter.name])
                for other, value in enumerate(parameter.values):
                    near = parameter.kind == "categorical" or abs(other - place) == 1
                    if other != place and near:
                        found.append(self.settled({**choice, parameter.name: value}))
        return found

    def settled(self, values: Mapping[str, Value]) -> Choice:
        """The choice with these values: first ones where missing, none where inactive."""
        chosen: dict[str, Value] = {}
        for parameter in self.parameters:
            if _active(parameter, chosen):
                chosen[parameter.name] = values.get(parameter.name, parameter.values[0])
        return chosen

    def validate(self, choice: Choice) -> None:
        """Raise ChoiceError, which lists all that is wrong, unless it is a choice of the space."""
        wrong = [f"no parameter {name!r}" for name in choice if name not in self._by_name]
        for parameter in self.parameters:
            active, given = _active(parameter, choice), parameter.name in choice
            if active and not given:
                wrong.append(f"parameter {parameter.name!r}: expected a value, found none")
            elif given and not active:
                assert parameter.when is not None
                wrong.append(
                    f"parameter {parameter.name!r}: expected none, since {parameter.when[0]!r} is "
                    f"{choice.get(parameter.when[0])!r}, found {choice[parameter.name]!r}"
                )
            elif given and not _among(choice[parameter.name], parameter.values):
                expected = ", ".join(map(str, parameter.values))
                wrong.append(
                    f"parameter {parameter.name!r}: expected one of {expected}, "
                    f"found {choice[parameter.name]!r}"
                )
        if wrong:
            raise ChoiceError(f"space {self.name}: {'; '.join(wrong)}")

    def encode(self, choice: Choice) -> str:
        """The key of a choice: `name=value` of active parameters in order, joined by commas.

        Raises:
            ChoiceError: it is not one of the space.
        """
        self.validate(choice)
        return ",".join(f"{p.name}={choice[p.name]}" for p in self.parameters if p.name in choice)

    def decode(self, key: str) -> Choice:
        """The choice with this key.

        Raises:
            ChoiceError: no choice has it.
        """
        chosen: dict[str, Value] = {}
        for part in key.split(",") if key else ():
            name, equals, text = part.partition("=")
            parameter = self._by_name.get(name)
            if not equals or parameter is None or name in chosen:
                raise ChoiceError(
                    f"space {self.name}: key {key!r}: expected name=value of each active parameter "
                    f"once, found {part!r}"
                )
            known = {str(value): value for value in parameter.values}
            chosen[name] = known.get(text, text)
        ordered = {p.name: chosen[p.name] for p in self.parameters if p.name in chosen}
        self.validate(ordered)
        return ordered

    @property
    def features(self) -> tuple[str, ...]:
        """What the entries of `vector` are."""
        names: list[str] = []
        for p in self.parameters:
            names += [p.name] if p.kind == "ordered" else [f"{p.name}={v}" for v in p.values]
        return tuple(names)

    def vector(self, choice: Choice) -> npt.NDArray[np.float64]:
        """Features of a choice, shape (len(features),), for predictors.

        An ordered parameter is its value (its place, where values are words), a categorical one
        is 1 at its value and 0 elsewhere; `INACTIVE` stands where a parameter is not active.

        Raises:
            ChoiceError: it is not one of the space.
        """
        self.validate(choice)
        entries: list[float] = []
        for parameter in self.parameters:
            value = choice.get(parameter.name)
            ordered = parameter.kind == "ordered"
            if value is None:
                entries += [INACTIVE] * (1 if ordered else len(parameter.values))
            elif ordered:
                entries.append(float(value if parameter.numeric else parameter.values.index(value)))
            else:
                entries += [float(value == other) for other in parameter.values]
        return np.array(entries)

    def build(self, choice: Choice) -> LayerGraph:
        """The layer graph of a choice. Equal to the import of `to_onnx`; the last ones are kept.

        Raises:
            ChoiceError: it is not one of the space.
        """
        key = self.encode(choice)
        graph = self._built.get(key)
        if graph is None:
            graph = self._built[key] = self._graph(choice)
            while len(self._built) > self.cached:
                self._built.popitem(last=False)
        else:
            self._built.move_to_end(key)
        return graph

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_built": OrderedDict()}  # workers build their own


class WrittenSpace(Space):
    """A space whose networks are written with the calls of a builder.

    Attributes:
        opset: version of ONNX's operators that they are written in.
    """

    opset: int = 17

    @abstractmethod
    def write(self, b: GraphBuilder, choice: Choice) -> None:
        """Write the network of a valid choice."""

    def to_onnx(self, choice: Choice) -> ModelProto:
        """As `Space.to_onnx`: what `write` writes; ChoiceError for a choice that is not one."""
        self.validate(choice)
        builder = GraphBuilder(self.name, self.opset)
        self.write(builder, choice)
        return builder.model()

    def _graph(self, choice: Choice) -> LayerGraph:
        builder = ProgramBuilder(self.name, self.opset)
        self.write(builder, choice)
        return graph_of(builder.program(), self.bits)


def number(choice: Choice, name: str) -> int:
    """A parameter's value, which is a whole number."""
    value = choice[name]
    assert isinstance(value, int), f"{name}: {value!r}"
    return value


def _active(parameter: Parameter, chosen: Choice) -> bool:
    return parameter.when is None or chosen.get(parameter.when[0]) in parameter.when[1]


def _among(value: object, values: tuple[Value, ...]) -> bool:
    """Whether it is one of the values, and of its type: 1 is neither True nor "1"."""
    return any(value == known and type(value) is type(known) for known in values)


def _check_parameters(parameters: tuple[Parameter, ...]) -> None:
    before: dict[str, Parameter] = {}
    for parameter in parameters:
        where = f"parameter {parameter.name!r}"
        if parameter.name in before or set(",= ") & set(parameter.name) or not parameter.name:
            raise ValueError(f"{where}: expected a name of its own without comma, equals or space")
        texts = {str(value) for value in parameter.values}
        if len(texts) != len(parameter.values) or not texts or set(",=") & set("".join(texts)):
            raise ValueError(f"{where}: expected distinct values, found {parameter.values}")
        if parameter.when is not None:
            name, values = parameter.when
            if name not in before or not set(values) <= set(before[name].values):
                raise ValueError(f"{where}: expected a condition on an earlier one's values")
        before[parameter.name] = parameter
