"""The fields of a request as it declares them: what the command line, the form and sweeps make themselves from."""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from farm.params.request.job_request import JobRequest
from farm.params.request.option import Option

_SCALARS: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}


@dataclass(frozen=True)
class Declared:
    """A field: its words, and the kinds that it may have, without None."""

    name: str  # of the attribute, which the client's keyword has too
    alias: str  # of the body
    title: str
    description: str
    kinds: tuple[Any, ...]
    least: float | None
    needed: bool
    option: Option | None

    @property
    def option_name(self) -> str:
        """The option of the command line that gives it, such as '--negative-prompt'."""
        return (self.option and self.option.name) or "--" + self.name.replace("_", "-")

    @property
    def kind(self) -> Any:
        """The type of one value."""
        return self.kinds[0]

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of a field that has only these; none for all others."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    @property
    def varies(self) -> bool:
        """Whether it may be a list of values, with each of which is rendered."""
        return not self.needed and [get_args(other) for other in self.kinds[1:]] == [(self.kind,)]

    def words(self) -> dict[str, Any]:
        """Title and description, as a JSON Schema has them."""
        return {"title": self.title} | ({"description": self.description} if self.description else {})

    def schema(self) -> dict[str, Any]:
        """One value in JSON Schema, or null for the model's default; only the words of what is no scalar."""
        if self.choices:
            return {**self.words(), "enum": [*self.choices, None]}
        if self.kind not in _SCALARS or len(self.kinds) > 1 + self.varies:
            return self.words()
        least = {} if self.least is None else {"minimum": self.least}
        return {**self.words(), "type": [_SCALARS[self.kind], "null"], **least}


@cache
def declared_fields(request: type[BaseModel] = JobRequest) -> Mapping[str, Declared]:
    """All fields of a request, by the name of the attribute, in their order."""
    return {name: _declared(name, field) for name, field in request.model_fields.items()}


def _declared(name: str, field: FieldInfo) -> Declared:
    kinds = tuple(_plain(kind) for kind in _alternatives(field.annotation) if kind is not types.NoneType)
    return Declared(
        name=name,
        alias=field.alias or name,
        title=field.title or name,
        description=field.description or "",
        kinds=kinds,
        least=next((rule.ge for rule in field.metadata if hasattr(rule, "ge")), None),
        needed=field.is_required(),
        option=next((option for option in field.metadata if isinstance(option, Option)), None),
    )


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _plain(kind: Any) -> Any:
    """A type without what validates it."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


#: The parameters that may be lists, in the order in which they vary: the last the fastest, but for seeds.
SWEPT = tuple(name for name, field in declared_fields().items() if field.varies)
#: All that a render keeps of what was asked, as it is looked at again by request validation for another model.
CARRIED = tuple(name for name in declared_fields() if name not in ("model", "prompt", "seed", "scorer", "keep_best"))
