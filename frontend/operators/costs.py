"""What one element of an operator costs the vector unit: the one place where that is decided.

Two kinds of operations are counted:

- **simple**: addition, subtraction, multiplication, comparison, minimum, maximum, selection,
  absolute value, sign change, bitwise logic, shift, rounding, conversion between types. One lane
  does one per cycle.
- **special**: division or reciprocal, square root or its reciprocal, exponential, logarithm,
  sine, cosine, arc tangent, hyperbolic tangent, error function. These are the elementary
  functions of a special function unit (table and interpolation), one evaluation each.

Everything else is composed of these, as the derivation beside each entry shows. Conventions:

- A division by a constant is a multiplication by its reciprocal, taken at compile time.
- `max(x, 0)` and the like is one operation; a comparison whose result selects between two values
  that are both computed is two.
- The sign of an exponential's argument costs nothing (the table takes ``exp(-x)``).
- Index arithmetic that depends on shapes alone is done at compile time.

The bits that go with it: an operand is read once, also where it is broadcast or used twice;
inputs that only fix the geometry (axes, target shapes, scales of a resize) are not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..graph import VectorWork


@dataclass(frozen=True, slots=True)
class Cost:
    """Operations: simple and special ones. Costs add, and multiply by a count."""

    simple: int = 0
    special: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.simple + other.simple, self.special + other.special)

    def __mul__(self, count: int) -> Cost:
        return Cost(self.simple * count, self.special * count)

    __rmul__ = __mul__

    def as_work(self, op: str) -> VectorWork:
        """These operations as the work of an operator."""
        return VectorWork(op, self.simple, self.special)


SIMPLE: Final = Cost(1, 0)

# Sequences that several operators share.
SIGMOID: Final = Cost(1, 2)  # 1 / (1 + exp(-x)): exp, add, reciprocal
SOFTPLUS: Final = Cost(1, 2)  # log(1 + exp(x)): exp, add, log
POWER: Final = Cost(1, 2)  # exp(y log(x)): log, mul, exp
QUANTIZE: Final = Cost(5)  # x / scale: mul, round, add zero point, max, min
DEQUANTIZE: Final = Cost(3)  # convert, subtract zero point, mul
#: A 32-bit number of the counter-based generator Philox 4x32-10 (Salmon et al., SC 2011): per
#: four numbers ten rounds of 4 mul (high and low halves of two products), 4 xor, 2 key adds.
RANDOM: Final = Cost(25)
UNIFORM: Final = RANDOM + Cost(3)  # convert, mul, add
#: Box-Muller, two normals of two uniforms: log, sqrt, sin, cos; 1 mul for -2 log, 1 mul for
#: the angle, 2 mul for the products, and mul, add each for mean and scale.
NORMAL: Final = UNIFORM + Cost(4, 2)

#: Operator -> (cost of one output element, derivation). Operators whose cost depends on
#: attributes or on the number of inputs are worked out by their rules from the parts above.
ELEMENT: Final[Mapping[str, tuple[Cost, str]]] = {
    # arithmetic
    "Add": (Cost(1), "add"),
    "Sub": (Cost(1), "sub"),
    "Mul": (Cost(1), "mul"),
    "Div": (Cost(0, 1), "div; by a constant: mul"),
    "Pow": (POWER, "exp(y log(x)): log, mul, exp; small constant powers by multiplication"),
    "Mod": (Cost(3, 1), "x - y floor(x / y): div, floor, mul, sub"),
    "Reciprocal": (Cost(0, 1), "reciprocal"),
    "Sqrt": (Cost(0, 1), "sqrt"),
    "Abs": (Cost(1), "abs"),
    "Neg": (Cost(1), "sign change"),
    "Sign": (Cost(3), "(x > 0) - (x < 0): two compares, sub"),
    "Round": (Cost(1), "round"),
    "Floor": (Cost(1), "round down"),
    "Ceil": (Cost(1), "round up"),
    # elementary functions
    "Exp": (Cost(0, 1), "exp"),
    "Log": (Cost(0, 1), "log"),
    "Erf": (Cost(0, 1), "erf"),
    "Sin": (Cost(0, 1), "sin"),
    "Cos": (Cost(0, 1), "cos"),
    "Tan": (Cost(0, 3), "sin / cos: sin, cos, div"),
    "Atan": (Cost(0, 1), "atan"),
    "Asin": (Cost(2, 3), "atan(x / sqrt(1 - x x)): mul, sub, sqrt, div, atan"),
    "Acos": (Cost(3, 3), "pi / 2 - asin(x): asin, sub"),
    "Tanh": (Cost(0, 1), "tanh"),
    "Sinh": (Cost(2, 2), "(e - 1 / e) / 2 with e = exp(x): exp, reciprocal, sub, mul"),
    "Cosh": (Cost(2, 2), "(e + 1 / e) / 2 with e = exp(x): exp, reciprocal, add, mul"),
    "Asinh": (Cost(3, 2), "log(x + sqrt(x x + 1)): mul, add, sqrt, add, log"),
    "Acosh": (Cost(3, 2), "log(x + sqrt(x x - 1)): mul, sub, sqrt, add, log"),
    "Atanh": (Cost(3, 2), "log((1 + x) / (1 - x)) / 2: add, sub, div, log, mul"),
    # activations
    "Relu": (Cost(1), "max"),
    "LeakyRelu": (Cost(2), "max(x, alpha x): mul, max"),
    "PRelu": (Cost(3), "x < 0 ? slope x : x: mul, compare, select"),
    "ThresholdedRelu": (Cost(2), "x > alpha ? x : 0: compare, select"),
    "Elu": (Cost(4, 1), "x > 0 ? x : alpha (exp(x) - 1): exp, sub, mul, compare, select"),
    "Selu": (Cost(5, 1), "gamma (x > 0 ? x : alpha (exp(x) - 1)): Elu, mul"),
    "Celu": (
        Cost(6, 1),
        "max(0, x) + min(0, alpha (exp(x / alpha) - 1)): max, mul, exp, sub, mul, min, add",
    ),
    "Sigmoid": (SIGMOID, "1 / (1 + exp(-x)): exp, add, reciprocal"),
    "HardSigmoid": (Cost(4), "max(0, min(1, alpha x + beta)): mul, add, min, max"),
    "HardSwish": (Cost(5), "x HardSigmoid(x): HardSigmoid, mul"),
    "Swish": (SIGMOID + SIMPLE, "x Sigmoid(x): Sigmoid, mul; alpha other than 1: another mul"),
    "SwiGLU": (SIGMOID + Cost(2), "Swish(a) b: Swish, mul; alpha other than 1: another mul"),
    "Softplus": (SOFTPLUS, "log(1 + exp(x)): exp, add, log"),
    "Softsign": (Cost(2, 1), "x / (1 + abs(x)): abs, add, div"),
    "Mish": (SOFTPLUS + Cost(1, 1), "x tanh(Softplus(x)): Softplus, tanh, mul"),
    "Gelu": (Cost(4, 1), "x / 2 (1 + erf(x / sqrt(2))): mul, mul, erf, add, mul"),
    "Shrink": (Cost(6), "two compares, sub and add the bias, two selects"),
    # logic and choice
    "Where": (Cost(1), "select"),
    "Equal": (Cost(1), "compare"),
    "Greater": (Cost(1), "compare"),
    "GreaterOrEqual": (Cost(1), "compare"),
    "Less": (Cost(1), "compare"),
    "LessOrEqual": (Cost(1), "compare"),
    "And": (Cost(1), "logic"),
    "Or": (Cost(1), "logic"),
    "Xor": (Cost(1), "logic"),
    "Not": (Cost(1), "logic"),
    "BitwiseAnd": (Cost(1), "logic"),
    "BitwiseOr": (Cost(1), "logic"),
    "BitwiseXor": (Cost(1), "logic"),
    "BitwiseNot": (Cost(1), "logic"),
    "BitShift": (Cost(1), "shift"),
    "IsNaN": (Cost(1), "compare with itself"),
    "IsInf": (Cost(2), "abs, compare"),
    # type
    "Cast": (Cost(1), "convert"),
    "CastLike": (Cost(1), "convert"),
}

#: Gelu by its tanh approximation: x / 2 (1 + tanh(x (c + d x x))): 4 for the argument, tanh, and
#: add, mul, mul.
GELU_TANH: Final = Cost(7, 1)
#: x Sigmoid(1.702 x): mul, Sigmoid, mul.
GELU_QUICK: Final = SIGMOID + Cost(2)

#: Per element of a row, and per row: largest value, subtract, exp, sum, multiply by the
#: reciprocal of the sum, which is taken once.
SOFTMAX: Final = (Cost(4, 1), Cost(0, 1))
#: As softmax, with the subtraction of the sum's logarithm in place of the product.
LOG_SOFTMAX: Final = (Cost(4, 1), Cost(0, 1))
#: Per element sum, subtract the mean, square, sum, multiply by 1 / sqrt(variance + epsilon); per
#: row two products with 1 / n, add epsilon, reciprocal root. Scale and shift are extra.
NORMALIZE: Final = (Cost(5), Cost(3, 1))
#: Per element square, sum, multiply by 1 / rms; per row product with 1 / n, add epsilon,
#: reciprocal root. The scale is extra.
NORMALIZE_RMS: Final = (Cost(3), Cost(2, 1))

#: Reductions: per input element, and per output.
REDUCE: Final[Mapping[str, tuple[Cost, Cost, str]]] = {
    "ReduceSum": (Cost(1), Cost(0), "add"),
    "ReduceMean": (Cost(1), Cost(1), "add; mul by 1 / n"),
    "ReduceMax": (Cost(1), Cost(0), "max"),
    "ReduceMin": (Cost(1), Cost(0), "min"),
    "ReduceProd": (Cost(1), Cost(0), "mul"),
    "ReduceL1": (Cost(2), Cost(0), "abs, add"),
    "ReduceL2": (Cost(2), Cost(0, 1), "mul, add; sqrt"),
    "ReduceSumSquare": (Cost(2), Cost(0), "mul, add"),
    "ReduceLogSum": (Cost(1), Cost(0, 1), "add; log"),
    "ReduceLogSumExp": (Cost(3, 1), Cost(1, 1), "max, sub, exp, add; log, add the largest"),
    "ArgMax": (Cost(2), Cost(0), "compare, select the index"),
    "ArgMin": (Cost(2), Cost(0), "compare, select the index"),
    "CumSum": (Cost(1), Cost(0), "add"),
    "CumProd": (Cost(1), Cost(0), "mul"),
}

#: Activation functions by the names that recurrent and fused operators use, in lower case.
ACTIVATION: Final[Mapping[str, Cost]] = {
    **{name.lower(): cost for name, (cost, _) in ELEMENT.items()},
    "affine": Cost(2),  # alpha x + beta
    "scaledtanh": Cost(2, 1),  # alpha tanh(beta x)
    "silu": SIGMOID + SIMPLE,
    "clip": Cost(2),
    "quickgelu": GELU_QUICK,
}


def integer_power(exponent: int) -> Cost:
    """x to a constant integer by repeated squaring; negative ones take a reciprocal."""
    size = abs(exponent)
    if size <= 1:
        products = 0 if exponent < 0 else 1  # x ** 0 and x ** 1 still write their result
    else:
        products = size.bit_length() - 1 + size.bit_count() - 1
    return Cost(products, int(exponent < 0))


def quantized(cost: Cost, inputs: int = 1) -> Cost:
    """An operator on quantised tensors: its inputs dequantised, its result quantised."""
    return DEQUANTIZE * inputs + cost + QUANTIZE


def separable_interpolation(taps: tuple[int, ...]) -> Cost:
    """One output of an interpolation over several axes, with so many taps along each.

    The last axis first: one weighted sum (n mul, n - 1 add) for every tap of the axes before.
    """
    operations, lines = 0, 1
    for count in taps:
        operations += lines * (2 * count - 1)
        lines *= count
    return Cost(operations)
