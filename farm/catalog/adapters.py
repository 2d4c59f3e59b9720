"""The shape of an adapter's entry: a LoRA that everybody's renders may name."""

from pathlib import Path, PurePosixPath
from typing import Annotated, Self

from pydantic import Field, model_validator

from farm.catalog.entry import Entry, Name

#: How strongly an adapter works: 0 not at all, 1 as it was trained; below 0 it pushes away.
WEIGHTS = (-4.0, 4.0)
Weight = Annotated[float, Field(ge=WEIGHTS[0], le=WEIGHTS[1])]
#: Adapters of one render at the most: each is added to every layer it touches, in every pass.
MOST_ADAPTERS = 4


class AdapterSource(Entry):
    """Where the one safetensors file of an adapter comes from: a repository on the Hub, or this machine."""

    repo: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$", description="Hub id, 'owner/name'")
    revision: str | None = Field(None, description="branch, tag or, better, a commit hash")
    file: str | None = Field(None, description="the file in the repository: 'pytorch_lora_weights.safetensors'")
    path: Path | None = Field(None, description="a .safetensors file on every worker's machine")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the file, in hex; another one is not loaded")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.repo is None) == (self.path is None):
            raise ValueError("give either 'repo' (with 'revision' and 'file') or 'path', not both and not neither")
        if self.repo is not None and (self.revision is None or self.file is None):
            raise ValueError("a repository needs a 'revision' (best a commit hash) and the 'file' in it")
        name = self.file if self.repo is not None else str(self.path)
        if not str(name).endswith(".safetensors"):
            raise ValueError(f"only .safetensors files are loaded; seen {name!r}")
        return self

    @property
    def stem(self) -> str:
        """The file's name without folders and suffix."""
        return PurePosixPath(self.file).stem if self.file is not None else Path(self.path or "").stem


class AdapterEntry(Entry):
    """A LoRA: what it does, which models it was trained for, where its weights are."""

    name: Name
    title: str = Field(min_length=1)
    description: str = ""
    models: list[Name] = Field(min_length=1, description="the models whose renders may name it")
    source: AdapterSource
    weight: Weight = Field(1.0, description="where a render says nothing else")
