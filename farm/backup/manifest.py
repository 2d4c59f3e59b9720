"""What a backup says of itself: `manifest.json` in its file, and the names of what else is there."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from farm.tables import Key, Session, User, Webhook

FORMAT = "latent-farm-backup"
#: Raised when a file can no longer be read by who wrote the one before.
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
#: One line of JSON for each stored object: its key, size in bytes, SHA-256 and MIME type, as the rows name it.
OBJECT_LIST = "objects.jsonl"
#: Before the key of an object that was copied.
OBJECTS = "objects/"
#: Before the farm's own catalog files, numbered by their layer.
CATALOG = "catalog/"
#: What in the file is nobody else's business, by table. It follows the tables that have such columns.
SECRETS = {
    User.__tablename__: "hashes of passwords (argon2)",
    Key.__tablename__: "hashes of API keys and sign-in links (SHA-256)",
    Session.__tablename__: "hashes of sessions (SHA-256)",
    Webhook.__tablename__: "the secrets that sign webhooks, readable as they are",
}


def rows_of(table: str) -> str:
    """The name of the file with the rows of a table: one line of JSON for each."""
    return f"tables/{table}.jsonl"


def _inside(name: str) -> str:
    """The name as it is. Raises ValueError when it would lead out of the folder into which it is unpacked."""
    if {"", ".", ".."} & set(name.replace("\\", "/").split("/")):
        raise ValueError(f"it names {name!r}, which leads out of its folder")
    return name


#: A path with '/' between its parts, none of which leads upwards.
Inside = Annotated[str, AfterValidator(_inside)]


class StoredObjectLine(BaseModel):
    """A line of the list of objects."""

    key: Inside
    size: int  # bytes
    sha256: str
    content_type: str


class Member(BaseModel):
    """A file in the backup, as it is when it is unpacked."""

    bytes: int
    sha256: str
    rows: int | None = None  # of a table, or of the list of objects


class BackupManifest(BaseModel):
    """What is in a backup, and what it takes to use it."""

    model_config = ConfigDict(extra="ignore")

    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    farm_version: str
    revision: str  # of the schema
    made_at: str  # ISO 8601, by the farm's clock
    database: str  # what it was kept in: sqlite | postgresql
    bucket: str
    secrets: dict[str, str] = Field(default_factory=lambda: dict(SECRETS))
    #: Of tables that are numbered: the last number that was given. It may be higher than that of any row.
    numbers: dict[str, int]
    objects: int  # that the rows name
    object_bytes: int
    objects_copied: bool
    objects_missing: int = 0  # not in the bucket when they were to be copied, or with other bytes than the row says
    members: dict[Inside, Member]  # all but this one and the copied objects

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        tables = {name: member.rows or 0 for name, member in self.members.items() if name.startswith("tables/")}
        return {name.removeprefix("tables/").removesuffix(".jsonl"): count for name, count in tables.items()}
