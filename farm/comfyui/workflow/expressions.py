"""The arithmetic of ComfyUI's node ComfyMathExpression, such as `floor(a * b) + 1`, as it would compute it."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

#: An expression is typed into a widget of one line or two.
MAX_CHARS = 2_000
#: No input of a node takes a number beyond this: seeds are the largest.
MAX_NUMBER = 2**64
#: `round` to so many digits leaves any number as it is, or nothing of it.
_MAX_DIGITS = 400

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
_COMPARED: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def _round(value: float, *digits: int) -> float:
    return round(value, *(max(-_MAX_DIGITS, min(_MAX_DIGITS, each)) for each in digits))


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "float": float,
    "int": int,
    "log2": math.log2,
    "max": max,
    "min": min,
    "round": _round,
    "sqrt": math.sqrt,
}


def evaluate(expression: str, names: Mapping[str, Any]) -> int | float | bool:
    """The value, within ±MAX_NUMBER.

    Raises ValueError: not arithmetic, a name or function that is not there, or not computable.
    """
    if len(expression) > MAX_CHARS:
        raise ValueError(f"the expression has {len(expression):,} characters; {MAX_CHARS:,} are read")
    try:
        value = _of(ast.parse(expression.strip(), mode="eval").body, names)
    except (SyntaxError, TypeError, ArithmeticError, RecursionError, MemoryError) as error:
        raise ValueError(f"{expression!r} cannot be computed: {error}") from None
    if not isinstance(value, int | float):
        raise ValueError(f"{expression!r} is no number")
    if not -MAX_NUMBER <= value <= MAX_NUMBER:  # nor what is not a number
        raise ValueError(f"{expression!r} is no number that a node takes")
    return value


def _of(part: ast.expr, names: Mapping[str, Any]) -> Any:
    match part:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id=name) if isinstance(names.get(name), int | float):
            return names[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_of(left, names), _of(right, names))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_of(operand, names))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _of(body if _of(test, names) else orelse, names)
        case ast.BoolOp(op=op, values=values):
            found = [_of(value, names) for value in values]
            return all(found) if isinstance(op, ast.And) else any(found)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARED:
            return _COMPARED[type(op)](_of(left, names), _of(right, names))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_of(arg, names) for arg in args))
    raise ValueError(f"{ast.unparse(part)!r} is not known here")
