"""A farm at work is backed up, and the backup becomes a farm on an empty machine: what waited is rendered there."""

import os
import subprocess
import uuid
from pathlib import Path

import pytest
from pydantic import SecretStr

from farm.backup.restore import restore_backup
from farm.client import FarmClient
from farm.connections import Connections
from farm.local.stack import LocalStack
from farm.storage import Storage
from tests.databases import PostgresServer
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.servers import S3


@pytest.mark.long
def test_a_backup_of_a_farm_at_work_goes_on_rendering_on_an_empty_postgresql_and_bucket(
    tmp_path: Path, postgres_server: PostgresServer, s3: S3
) -> None:
    file = tmp_path / "farm.zip"
    for farm in running_farm(tmp_path / "old", quick_settings):
        early = farm.submit_and_wait("sana-demo", "a red circle", seed=1)
        output = next(item for item in farm.artifacts(early.id) if item.kind == "output")
        late = farm.client.submit("sana-demo", "a green star on a blue background", seed_count=40)
        farm.when_running(late.id)
        environment = {**os.environ, "FARM_DATA_DIR": str(tmp_path / "old")}
        made = [*farm.command, "backup", "create", str(file), "--objects"]
        subprocess.run(made, check=True, env=environment, capture_output=True, timeout=120)
        key = farm.stack.key

    name = f"moved_{uuid.uuid4().hex}"
    postgres_server.execute(f"CREATE DATABASE {name}")
    elsewhere = quick_settings(tmp_path / "new").model_copy(
        update={
            "database_url": SecretStr(postgres_server.url(name)),
            "s3_endpoint_url": s3.s3_endpoint_url,
            "s3_access_key_id": s3.s3_access_key_id,
            "s3_secret_access_key": s3.s3_secret_access_key,
            "s3_bucket": f"moved-{uuid.uuid4().hex[:12]}",
        }
    )
    with Connections.open(elsewhere) as connections:
        connections.storage.ensure_bucket()
        restored = restore_backup(file, connections.engine, connections.storage)
    assert restored.objects_missing == restored.objects_unknown == 0
    assert restored.models == ["sana-demo"]

    with (
        LocalStack(elsewhere) as stack,
        Connections.open(stack.settings) as connections,
        FarmClient(stack.url, key) as client,  # people's keys are those of the old farm
    ):
        moved = RunningFarm(stack, client, connections)
        client.wait(late.id, timeout=600)
        moved.assert_nothing_lost_or_doubled(late.id, 40)
        moved.assert_nothing_lost_or_doubled(early.id, 1)
        assert len(Storage(elsewhere).get(output.key)) == output.size
