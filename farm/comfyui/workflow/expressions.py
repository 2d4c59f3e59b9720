"""The arithmetic of ComfyUI's node ComfyMathExpression, such as `floor(a * b) + 1`, as it would compute it."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

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
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "float": float,
    "int": int,
    "log2": math.log2,
    "max": max,
    "min": min,
    "round": round,
    "sqrt": math.sqrt,
}


def evaluate(expression: str, names: Mapping[str, Any]) -> int | float | bool:
    """The value. Raises ValueError: not arithmetic, a name or function that is not there, or not computable."""
    try:
        value = _of(ast.parse(expression.strip(), mode="eval").body, names)
    except (SyntaxError, TypeError, ArithmeticError, RecursionError, MemoryError) as error:
        raise ValueError(f"{expression!r} cannot be computed: {error}") from None
    if not isinstance(value, int | float):
        raise ValueError(f"{expression!r} is no number")
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
