"""What may be asked of a model, checked at validation: as strict as a pipeline, adjusting nothing."""

from farm.params.forms import parameters_schema
from farm.params.renders import Renders, drawn_from
from farm.params.request.base import (
    MAX_SEED,
    InputRef,
    RenderParameters,
    SanaParameters,
    SprintParameters,
    WanParameters,
)
from farm.params.request.body import parse_json_body
from farm.params.request.job_request import JobRequest
from farm.params.request.submission import parse_request
from farm.params.request_validation import check_and_resolve, check_request
from farm.params.resolve import Resolved, resolve
from farm.params.sizes import Shape
from farm.params.stored_parameters import batch_key, parse_parameters, shape_of
from farm.params.timing import Timing, timing_of

__all__ = [
    "MAX_SEED",
    "InputRef",
    "JobRequest",
    "RenderParameters",
    "Renders",
    "Resolved",
    "SanaParameters",
    "Shape",
    "SprintParameters",
    "Timing",
    "WanParameters",
    "batch_key",
    "check_and_resolve",
    "check_request",
    "drawn_from",
    "parameters_schema",
    "parse_json_body",
    "parse_parameters",
    "parse_request",
    "resolve",
    "shape_of",
    "timing_of",
]
