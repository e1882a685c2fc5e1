"""Arithmetic over a template's parameters: `${rows * columns}` inside its texts.

Numbers, parameters, `+ - * / // % **`, comparisons, `and or not`, `a if b else c`, and the
functions `min max ceil floor`. Parsed by `ast` against a whitelist; nothing is ever evaluated as
Python.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, cast

from .errors import suggest

Value = float | int | bool | str

_PLACE: Final = re.compile(r"\$\{([^{}]*)\}")
MAX_LENGTH: Final = 500
#: Whole numbers beyond it are no quantity, and not every one of them is a floating-point number.
_LARGEST: Final = 10**300
#: Of an expression inside another; Python's own parser gives up at 200 parentheses.
_DEEPEST: Final = 100


class ExpressionError(ValueError):
    """An expression that cannot be evaluated; the message says why."""


class Canonical(float):
    """A number that is already in the canonical unit of its kind."""


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > 64 or abs(base) > 2**32:
        raise ExpressionError(f"expected a small power, found {base} ** {exponent}")
    return base**exponent


_BINARY: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Pow: _power,
}  # fmt: skip
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_UNARY: Final[dict[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_,
}  # fmt: skip
_FUNCTIONS: Final[dict[str, Callable[..., float]]] = {
    "min": min, "max": max, "ceil": math.ceil, "floor": math.floor,
}  # fmt: skip


def substitute(text: str, names: Mapping[str, Value]) -> Value:
    """`text` with every `${…}` evaluated.

    Where `text` is one `${…}` and nothing else, the value itself, a number as `Canonical`.

    Raises:
        ExpressionError: an expression cannot be evaluated.
    """
    whole = _PLACE.fullmatch(text.strip())
    if whole:
        value = evaluate(whole[1], names)
        if isinstance(value, str | bool):
            return value
        return Canonical(value)
    if "${" in _PLACE.sub("", text):
        raise ExpressionError(f"expected `${{…}}`, found no closing brace in {text!r}")
    return _PLACE.sub(lambda match: _text(evaluate(match[1], names)), text)


def evaluate(expression: str, names: Mapping[str, Value]) -> Value:
    """The value of an expression.

    Raises:
        ExpressionError: it is no expression of the whitelist, a name is unknown, or it divides by
            zero.
    """
    try:
        value = _evaluate(_parsed(expression), names)
    except ZeroDivisionError:
        raise ExpressionError(f"`{expression}` divides by zero") from None
    except ExpressionError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise ExpressionError(f"`{expression}`: {error}") from None
    if isinstance(value, complex):
        raise ExpressionError(f"`{expression}` is not a real number")
    if isinstance(value, float) and math.isnan(value):
        raise ExpressionError(f"`{expression}` is not a number")
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise ExpressionError(f"`{expression}` is larger than 1e300")
    return cast(Value, value)


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> ast.expr:
    if len(expression) > MAX_LENGTH:
        raise ExpressionError(f"expected at most {MAX_LENGTH} characters in an expression")
    if "\\" in expression:  # an escape in a text, of which Python's parser may warn
        raise ExpressionError(f"expected no backslash, found `{expression}`")
    try:
        parsed = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError(f"expected arithmetic, found `{expression}`") from None
    _check_depth(parsed, expression)
    return parsed


def _check_depth(root: ast.expr, expression: str) -> None:
    level: list[ast.AST] = [root]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise ExpressionError(f"expected at most {_DEEPEST} levels, found `{expression}`")


def _evaluate(node: ast.expr, names: Mapping[str, Value]) -> Any:
    match node:
        case ast.Constant(value=int() | float() | str() | bool() as value):
            return value
        case ast.Name(id=name):
            if name not in names:
                raise ExpressionError(f"unknown parameter `{name}`; {suggest(name, names)}")
            return names[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            operands = _evaluate(left, names), _evaluate(right, names)
            if any(isinstance(value, str) for value in operands):
                raise ExpressionError("arithmetic on text")
            return _BINARY[type(op)](*operands)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_evaluate(operand, names))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            return _COMPARE[type(op)](_evaluate(left, names), _evaluate(right, names))
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_evaluate(value, names) for value in values)
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(_evaluate(value, names) for value in values)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _evaluate(body if _evaluate(test, names) else orelse, names)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_evaluate(argument, names) for argument in args))
        case _:
            raise ExpressionError(
                f"expected arithmetic over parameters, found `{ast.unparse(node)}`"
            )


def _text(value: Value) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
