"""What all parts of the catalog are made of: names, and entries that take no key they do not know."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

#: Names of models, pools, adapters and environments: they appear in URLs, queue names and variables.
NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Name = Annotated[str, Field(pattern=NAME, max_length=80)]


class Entry(BaseModel):
    """What all parts of the catalog share: frozen, no unknown keys, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
