"""Keywords that have a new name go on working under the old one, with a warning."""

import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


def renamed_keyword(old: str, new: str) -> Callable[[Callable[Parameters, Answer]], Callable[Parameters, Answer]]:
    """Have a function take the keyword `old` for its `new` one, with a DeprecationWarning; the new one wins."""

    def decorate(function: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        @wraps(function)
        def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            if old in kwargs:
                warnings.warn(f"{old} is now called {new}", DeprecationWarning, stacklevel=2)
                kwargs.setdefault(new, kwargs.pop(old))
            return function(*args, **kwargs)

        return call

    return decorate
