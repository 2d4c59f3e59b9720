"""What all answers share, and what stands in several: problems, lengths of time, costs."""

from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class RequestPart(BaseModel):
    """Base of what endpoints take from the query and from headers.

    flask-openapi3 asks such a model for its JSON schema at every request, which takes as long as three statements.
    """

    @classmethod
    def model_json_schema(cls, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Without arguments, as requests are read: made once, to be looked at and not to be changed."""
        return super().model_json_schema(*arguments, **options) if arguments or options else _schema_of(cls)


@cache
def _schema_of(part: type[RequestPart]) -> dict[str, Any]:
    return super(RequestPart, part).model_json_schema()


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(populate_by_name=True, frozen=True)


class ProblemFault(Answer):
    """One thing that is wrong with the request."""

    pointer: str = Field(description="JSON pointer into the body, or /query/… or /header/…")
    detail: str


class Problem(Answer):
    """An error, as RFC 9457 describes it."""

    type: str = Field(description="Address of a page that explains this kind of problem")
    title: str
    status: int
    detail: str
    instance: str
    request_id: str | None = Field(None, description="Of the request, as in X-Request-Id: the farm's log has it too")
    errors: list[ProblemFault] | None = None


class Range(Answer):
    """A figure that is not known exactly: in four of five cases it is between low and high."""

    low: float
    likely: float
    high: float


class Cost(Answer):
    """Seconds of devices, and what they cost."""

    gpu_seconds: float
    money: float = Field(description="At the prices of the pools, in `currency`")
    currency: str
    watt_hours: float


class Forecast(Answer):
    """When it starts and ends if nobody submits anything more and no worker comes or goes. Seconds from now."""

    starts_in: Range | None = Field(description="null: it has started")
    done_in: Range | None
    starts_at: str | None = Field(description="The likely time")
    done_at: str | None
