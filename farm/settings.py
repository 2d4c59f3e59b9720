"""The settings of a farm: environment variables (`FARM_*`) over a YAML file (named by `FARM_CONFIG`).

Every field is described in docs/settings.md. Commands call `load_settings`: it lists every fault at once.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)

from farm.errors import Fault, SettingsError
from farm.redis_address import redis_address
from farm.settings_sources import PREFIX, describe, take_file, take_variables
from farm.settings_values import (
    ByName,
    DatabaseAddress,
    Folder,
    LogLevel,
    Networks,
    Paths,
    Positive,
    ReadableFile,
    SentryAddress,
    Shares,
    WebAddress,
    Words,
)
from farm.yaml_files import FaultyYaml, read_yaml


def _default_database(values: dict[str, Any]) -> SecretStr:
    return SecretStr(f"sqlite:///{values['data_dir']}/farm.sqlite3")


class Settings(BaseModel):
    """All settings. Times are seconds, sizes bytes, unless the name says otherwise.

    `load_settings` reads them; one that is made in code has what it is given, and defaults.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)

    # Where things are.
    data_dir: Folder = Path("farm-data")
    database_url: DatabaseAddress = Field(default_factory=_default_database)
    database_ca_file: ReadableFile | None = None
    redis_url: Annotated[SecretStr, AfterValidator(lambda url: url and redis_address(url))] | None = None
    redis_ca_file: ReadableFile | None = None
    s3_endpoint_url: WebAddress | None = None
    s3_public_endpoint_url: WebAddress | None = None
    s3_bucket: str = Field("latent-farm", min_length=3, max_length=63)
    s3_region: str = "us-east-1"
    s3_access_key_id: SecretStr | None = None
    s3_secret_access_key: SecretStr | None = None
    s3_ca_file: ReadableFile | None = None
    s3_checksums: Literal["when_supported", "when_required"] = "when_supported"
    link_seconds: int = Field(3600, ge=1, le=604_800)  # S3 signs links for seven days at most

    # What is rendered.
    catalog: Paths = []
    environment: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9_-]*$")

    # Who may look.
    secret_key: SecretStr | None = None
    dashboard_host: str = "127.0.0.1"
    dashboard_port: int = Field(8420, ge=0, le=65_535)
    dashboard_processes: int | None = Field(None, ge=1, le=64)
    allowed_hosts: Words = ["127.0.0.1", "localhost", "[::1]"]
    public_url: WebAddress | None = None
    trusted_proxies: int = Field(0, ge=0, le=10)
    requests_per_minute: int | None = Field(None, ge=1)  # of the API, for each project; none: no limit
    sign_in_tries_per_name: int = Field(10, ge=1)
    sign_in_tries_per_address: int = Field(100, ge=1)
    local_sign_in: bool = True  # with a password
    oidc_issuer: WebAddress | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_label: str = Field("single sign-on", min_length=1, max_length=60)
    oidc_scopes: str = "openid profile email"
    oidc_groups_claim: str = Field("groups", min_length=1)
    oidc_roles: ByName[Literal["viewer", "artist", "operator", "admin"]] = {}
    oidc_projects: ByName[str] = {}

    # How workers and the scheduler keep time.
    lease_seconds: Positive = 30.0
    heartbeat_seconds: Positive = 5.0
    idle_poll_seconds: Positive = 2.0
    supervise_seconds: Positive = 2.0
    drain_seconds: float = Field(30.0, ge=0)
    store_wait_seconds: Positive = 1800.0
    engine_hang_seconds: Positive = 120.0
    worker_gone_seconds: Positive = 60.0
    max_failures: int = Field(3, ge=1)
    quarantine_failures: int = Field(3, ge=1)
    autoscale_seconds: Positive = 10.0

    # What a render that takes minutes leaves behind on its way; 0: nothing.
    checkpoint_seconds: float = Field(60.0, ge=0)
    preview_seconds: float = Field(2.0, ge=0)

    # Embeddings of prompts that were encoded before: of each engine in memory, and in Redis for the others; 0: none.
    embedding_cache_mb: int = Field(256, ge=0)
    embedding_cache_seconds: int = Field(0, ge=0)

    # Who comes first, and what may wait.
    class_shares: Shares = {"urgent": 16.0, "normal": 4.0, "bulk": 1.0}
    fuller_batch_seconds: float = Field(0.2, ge=0, le=2)
    max_parked: int = Field(16, ge=0)
    parked_seconds: Positive = 60.0
    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$")

    # How long things are kept.
    retain_days: float | None = Field(None, gt=0)
    retain_events_days: Positive = 90.0
    retain_audit_days: Positive = 365.0
    retain_draft_days: Positive = 30.0
    retain_verification_days: Positive = 30.0
    orphan_hours: Positive = 24.0
    intake_hours: Positive = 24.0

    # Who looks at outputs before they are stored.
    safety_checker: str | None = None
    safety_action: Literal["withhold", "mark"] = "withhold"  # what becomes of an output that it objects to

    # Where scorers find their weights: a folder, or OWNER/NAME@COMMIT of the Hub.
    scorer_weights: ByName[str] = {}

    # What outputs say of where they come from, and what signs it; the key is for workers alone.
    provenance: Literal["none", "source-type", "credentials"] = "none"
    credentials_certificate_file: ReadableFile | None = None
    credentials_key_file: ReadableFile | None = None
    provenance_rules: ReadableFile | None = None  # a YAML file for single projects

    # Where webhooks may go besides the public internet, and whose certificates count there.
    webhook_networks: Networks = []
    webhook_ca_file: ReadableFile | None = None

    # Who may read metrics, and the port at which schedulers and workers show theirs; none: at no port.
    metrics_token: SecretStr | None = Field(None, min_length=16)
    metrics_networks: Networks = []
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(None, ge=1, le=65_535)
    traces_endpoint: WebAddress | None = None  # of a collector of OpenTelemetry, and the share of jobs that it hears of
    traces_share: float = Field(1.0, gt=0, le=1)

    sentry_dsn: SentryAddress | None = None  # who is told of errors

    # Where the model runs.
    torch_threads: int | None = Field(None, ge=1)
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda|cuda:\d+)$")
    engine_fork_server: Path | None = None

    # What is written to the log, and what is accepted at validation.
    log_level: LogLevel = "INFO"
    log_format: Literal["console", "json"] = "console"
    log_requests: bool = False
    max_body_bytes: int = Field(1_000_000, ge=1_000)
    max_input_bytes: int = Field(20_000_000, ge=1_000)
    max_adapter_bytes: int = Field(400_000_000, ge=1_000)
    max_input_pixels: int = Field(50_000_000, ge=1_000)
    max_clip_bytes: int = Field(100_000_000, ge=1_000)
    max_clip_frames: int = Field(500, ge=2)
    max_clip_pixels: int = Field(200_000_000, ge=1_000)
    max_clip_seconds: int = Field(120, ge=1)
    max_renders_per_job: int = Field(10_000, ge=1, le=10_000)
    max_renders_per_stream: int = Field(1_000_000, ge=1, le=10_000_000)

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    SECRETS: ClassVar[frozenset[str]] = frozenset(
        {
            *("database_url", "redis_url", "s3_access_key_id", "s3_secret_access_key", "secret_key"),
            *("metrics_token", "oidc_client_secret", "sentry_dsn"),
        }
    )

    @model_validator(mode="after")
    def _belong_together(self) -> "Settings":
        faults = []
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            faults.append(
                f"lease_seconds ({self.lease_seconds:g}) must be at least twice heartbeat_seconds "
                f"({self.heartbeat_seconds:g}), or one late heartbeat loses the work"
            )
        if (self.s3_access_key_id is None) != (self.s3_secret_access_key is None):
            faults.append("s3_access_key_id and s3_secret_access_key must be given together")
        if self.oidc_issuer and not (self.oidc_client_id and self.oidc_roles and self.oidc_projects):
            faults.append("oidc_issuer needs oidc_client_id, oidc_roles and oidc_projects beside it")
        if self.provenance == "credentials" and self.credentials_certificate_file is None:
            faults.append("provenance 'credentials' needs credentials_certificate_file beside it")
        if not (self.local_sign_in or self.oidc_issuer):
            faults.append("local_sign_in is off and oidc_issuer is not set: nobody could sign in")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def origin(self, field: str) -> str:
        """Where a value came from: 'default', 'FILE:LINE', or 'environment variable FARM_…'."""
        fallback = "given in code" if field in self.model_fields_set else "default"
        return self._origins.get(field, fallback)

    def to_variables(self) -> dict[str, str]:
        """These settings as FARM_* variables for child processes. Holds secrets: never log it."""
        variables: dict[str, str] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            if isinstance(value, list):
                value = ",".join(str(item) for item in value)
            if isinstance(value, dict):
                value = ",".join(f"{key}={item}" for key, item in value.items())
            if value is not None and value != "":
                variables[PREFIX + name.upper()] = str(value)
        return variables


def load_settings(config: Path | None = None, variables: Mapping[str, str] | None = None) -> Settings:
    """The settings from `variables` (default: the environment) over the file `config` (default: FARM_CONFIG).

    Raises:
        SettingsError: with every fault of the file and of the environment.
    """
    variables = os.environ if variables is None else variables
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}

    named = variables.get("FARM_CONFIG")
    path = config or (Path(named) if named else None)
    if path is not None:
        try:
            take_file(read_yaml(path), Settings.model_fields, values, origins, faults)
        except FaultyYaml as unreadable:
            faults += unreadable.faults
    take_variables(variables, Settings.model_fields, values, origins, faults)

    settings, wrong = _build(values, origins)
    if settings is None:
        # What only shows when all values are of the right kind: look with the wrong ones left out.
        right = {key: value for key, value in values.items() if key not in wrong}
        faults += [fault for found in wrong.values() for fault in found]
        faults += _build(right, origins)[1].get("", []) if "" not in wrong else []
    if faults or settings is None:
        raise SettingsError(faults)
    settings._origins.update(origins)
    return settings


def _build(values: dict[str, Any], origins: dict[str, str]) -> tuple[Settings | None, dict[str, list[Fault]]]:
    """The settings, or the faults by field ('' for those of several fields)."""
    try:
        return Settings(**values), {}
    except ValidationError as error:
        return None, describe(error, values, origins, Settings.SECRETS)
