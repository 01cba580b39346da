"""Metric math as GetMetricData evaluates it: arithmetic, and the functions that dashboards use.

Lives here: parsing and evaluating over series that are already there. A series is a mapping from time to value; a time that one side
lacks is a gap in the result. What is not known here is refused in words, as CloudWatch refuses it.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from statistics import fmean, pstdev

Points = Mapping[float, float]
Value = float | Points | list[Points]

_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARING: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_EACH: Mapping[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor, "LOG10": math.log10, "LOG": math.log}
_OVER: Mapping[str, Callable[[list[float]], float]] = {"SUM": sum, "AVG": fmean, "MIN": min, "MAX": max, "STDDEV": pstdev}


class NotUnderstood(Exception):
    """The text says which part."""


def evaluate(expression: str, series: Mapping[str, Points], period: float, metrics: Iterable[str]) -> Points:
    """`metrics` are the series that METRICS() means. Raises NotUnderstood."""
    try:
        tree = ast.parse(re.sub(r"\^", "**", expression.strip()), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NotUnderstood(f"The expression '{expression}' has a syntax error.") from None
    value = _Reader(series, period, metrics).value(tree.body)
    if isinstance(value, float):
        return {time: value for points in series.values() for time in points}
    if isinstance(value, list):
        raise NotUnderstood("The expression must return one time series.")
    return value


class _Reader:
    def __init__(self, series: Mapping[str, Points], period: float, metrics: Iterable[str]) -> None:
        self._series, self._period, self._metrics = series, period, tuple(metrics)

    def value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                if name not in self._series:
                    raise NotUnderstood(f"The metric or expression '{name}' is not in this request.")
                return self._series[name]
            case ast.List(elts=items):
                return [self._one(self.value(item)) for item in items]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _join(0.0, self._flat(operand), operator.sub)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _join(self._flat(left), self._flat(right), _ARITHMETIC[type(op)])
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARING:
                compare = _COMPARING[type(op)]
                return _join(self._flat(left), self._flat(right), lambda a, b: float(compare(a, b)))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name.upper(), arguments)
        raise NotUnderstood(f"'{ast.unparse(node)}' is not supported.")

    def _call(self, name: str, arguments: list[ast.expr]) -> Value:
        match name, arguments:
            case "METRICS", _:
                wanted = arguments[0].value if arguments and isinstance(arguments[0], ast.Constant) else ""
                return [self._series[id_] for id_ in self._metrics if str(wanted) in id_]
            case "FILL", [what, with_]:
                return self._fill(self._one(self.value(what)), with_)
            case "IF", [condition, then, *otherwise]:
                return self._if(condition, then, otherwise[0] if otherwise else None)
            case "PERIOD", [_]:
                return self._period
            case "RATE", [what]:
                return _rate(self._one(self.value(what)))
            case _, [what] if name in _EACH:
                each = _EACH[name]
                value = self._flat(what)
                return each(value) if isinstance(value, float) else {time: each(v) for time, v in value.items()}
            case _, [what] if name in _OVER:
                over = self.value(what)
                if isinstance(over, list):
                    return _across(over, _OVER[name])
                return over if isinstance(over, float) else float(_OVER[name](list(over.values()) or [0.0]))
        raise NotUnderstood(f"The function {name} is not supported.")

    def _fill(self, points: Points, with_: ast.expr) -> Points:
        times = sorted({time for other in self._series.values() for time in other} | set(points))
        match with_:
            case ast.Name(id="REPEAT"):
                filled: dict[float, float] = {}
                last: float | None = None
                for time in times:
                    last = points.get(time, last)
                    if last is not None:
                        filled[time] = last
                return filled
            case _:
                number = self._flat(with_)
                if not isinstance(number, float):
                    raise NotUnderstood("FILL takes a number or REPEAT.")
                return {time: points.get(time, number) for time in times}

    def _if(self, condition: ast.expr, then: ast.expr, otherwise: ast.expr | None) -> Points:
        asked = self._one(self.value(condition))
        yes, no = self._flat(then), self._flat(otherwise) if otherwise is not None else {}
        chosen = {time: _at(yes if truth else no, time) for time, truth in asked.items()}
        return {time: value for time, value in chosen.items() if value is not None}

    def _flat(self, node: ast.expr) -> float | Points:
        value = self.value(node)
        if isinstance(value, list):
            raise NotUnderstood("An array of time series has to go into a function such as SUM.")
        return value

    def _one(self, value: Value) -> Points:
        if isinstance(value, float | list):
            raise NotUnderstood("A time series is expected here.")
        return value


def _at(value: float | Points, time: float) -> float | None:
    return value if isinstance(value, float) else value.get(time)


def _join(left: float | Points, right: float | Points, how: Callable[[float, float], float]) -> float | Points:
    """Point by point; a division by zero is a gap."""
    if isinstance(left, float) and isinstance(right, float):
        try:
            return how(left, right)
        except ArithmeticError:
            raise NotUnderstood("A constant is divided by zero.") from None
    times = set(left) if not isinstance(left, float) else set(right) if not isinstance(right, float) else set()
    joined: dict[float, float] = {}
    for time in sorted(times):
        a, b = _at(left, time), _at(right, time)
        if a is None or b is None:
            continue
        try:
            joined[time] = how(a, b)
        except ArithmeticError:
            continue
    return joined


def _across(series: Iterable[Points], how: Callable[[list[float]], float]) -> Points:
    found: dict[float, list[float]] = {}
    for points in series:
        for time, value in points.items():
            found.setdefault(time, []).append(value)
    return {time: float(how(values)) for time, values in sorted(found.items())}


def _rate(points: Points) -> Points:
    times = sorted(points)
    return {late: (points[late] - points[early]) / (late - early) for early, late in pairwise(times)}
