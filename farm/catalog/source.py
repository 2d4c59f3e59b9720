"""Where a model's weights come from, and what its files are known to be."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from farm.catalog.entry import Entry

_S3 = "s3://"
_GGUF = ".gguf"
#: What can be read from one file.
_Component = Annotated[str, StringConstraints(pattern=r"^transformer(_2)?$")]
#: Inside the source, with '/': no part of it begins with a dot.
_FilePath = Annotated[str, StringConstraints(pattern=r"^[^./\\][^/\\]*(/[^./\\][^/\\]*)*\.(safetensors|gguf)$")]


class Source(Entry):
    """Where the weights come from: a repository on the Hub, a folder, or a bucket."""

    repo: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$", description="Hub id, 'owner/name'")
    revision: str | None = Field(
        None, description="branch, tag or commit; pin a commit hash for renders that can be repeated for ever"
    )
    variant: str | None = Field(None, description="file variant in the repository: 'bf16', 'fp16'")
    path: str | None = Field(
        None,
        description="a folder, 'package:NAME/FOLDER' for one inside an installed package, or 's3://BUCKET/FOLDER'",
    )
    pickle: bool = Field(
        False,
        description="read pickled weights (.bin) where a component has no safetensors; such a file can run code as it "
        "is read, so only from somebody you trust",
    )
    single_file: dict[_Component, _FilePath] = Field(
        default={},
        description="component → path of a .safetensors or .gguf file inside the source, read instead of the weights "
        "in the component's folder, whose config.json says how it is built",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.repo is None) == (self.path is None):
            raise ValueError("give either 'repo' (with 'revision') or 'path', not both and not neither")
        if self.repo is not None and self.revision is None:
            raise ValueError("a repository needs a 'revision': 'main' or, better, a commit hash")
        if self.path is not None and self.path.startswith(_S3) and not all(self.bucket() or ()):
            raise ValueError("a bucket is named as 's3://BUCKET/FOLDER', with a folder")
        return self

    def folder(self) -> Path | None:
        """The local folder of the weights; None for a repository on the Hub and for a bucket."""
        if self.path is None or self.path.startswith(_S3):
            return None
        if not self.path.startswith("package:"):
            return Path(self.path).expanduser()
        # Found without importing it: a control node has no torch.
        from importlib.util import find_spec

        package, _, inside = self.path.removeprefix("package:").partition("/")
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            return Path("/nonexistent") / package / inside
        return Path(spec.submodule_search_locations[0]) / inside

    @property
    def gguf(self) -> bool:
        """Whether a transformer is read from a GGUF file, which holds it quantized."""
        return any(path.endswith(_GGUF) for path in self.single_file.values())

    def bucket(self) -> tuple[str, str] | None:
        """The bucket's name and the folder in it, without slashes at its ends; None for any other source."""
        if self.path is None or not self.path.startswith(_S3):
            return None
        bucket, _, folder = self.path.removeprefix(_S3).partition("/")
        return bucket, folder.strip("/")


class LockedFile(Entry):
    """A file of a model as it was when `farm models lock` looked: nothing else is loaded in its place."""

    path: str = Field(min_length=1, description="inside the model's folder, with '/'")
    size: int = Field(ge=0, description="bytes")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
