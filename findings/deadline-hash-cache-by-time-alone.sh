#!/usr/bin/env bash
# What deadline 0.60.10 (AWS Deadline Cloud's client, deadline-job-attachments 0.1.5) sends of a file that was replaced by another
# one with the same time of change, seen 2026-11-29:
#
#   Job attachments are stored by their hash, and hashes are kept in a cache on the artist's machine. The cache looks at
#   path and time of change alone, not at the size. Packages of assets that are built reproducibly give all files one
#   time (1980, 2020, SOURCE_DATE_EPOCH), and `tar`, `unzip`, `cp -p` and `rsync -a` keep it. So version 2 unpacked over
#   version 1 is never hashed: the manifest has the hash of version 1 beside the size of version 2, and the summary says
#   'skipped', nothing to upload. The farm renders with the old texture. The same library's diff of manifests does
#   compare the size.
#
# Expected before it was tried: path, time and size, as rsync and git go by, so that another size is hashed
# anew. Install, no account, nothing is sent; exits with 1 if that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "deadline==0.60.10" "deadline-job-attachments==0.1.5"

cat > "$folder/probe.py" <<'PYTHON'
import io
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

from deadline.job_attachments.asset_manifests import ManifestVersion
from deadline.job_attachments.asset_manifests.hash_algorithms import HashAlgorithm, hash_file
from deadline.job_attachments.upload import S3AssetManager

folder = Path(sys.argv[1])
scene, cache = folder / "scene", folder / "cache"
texture = scene / "texture.ppm"
CLOCK = {"2020-01-01, as built": 1577836800, "a second later": 1577836801}


def unpack(pixels, time):
    """A package of one texture, made with fixed times, unpacked into the scene's folder."""
    package = folder / "package.tar"
    with tarfile.open(package, "w") as writer:
        entry = tarfile.TarInfo("texture.ppm")
        entry.size, entry.mtime = len(pixels), time
        writer.addfile(entry, io.BytesIO(pixels))
    with tarfile.open(package) as reader:
        reader.extractall(scene)


def attached():
    """Hash and size in the manifest, and what the summary says of the hashing."""
    manager = S3AssetManager(farm_id="farm-0", queue_id="queue-0", asset_manifest_version=ManifestVersion.v2023_03_03)
    group = manager.prepare_paths_for_upload([str(texture)], [], [])
    summary, manifests = manager.hash_assets_and_create_manifest(
        group.asset_groups, group.total_input_files, group.total_input_bytes, hash_cache_dir=str(cache)
    )
    (path,) = manifests[0].asset_manifest.paths
    return path.hash, path.size, summary.processed_files, summary.skipped_files


print(f"deadline {version('deadline')}, deadline-job-attachments {version('deadline-job-attachments')}")
as_seen = True
scene.mkdir()
first = b"P6 1 1 255\n" + bytes([200, 30, 30])
second = b"P6 2 1 255\n" + bytes([30, 30, 200] * 2)
unpack(first, CLOCK["2020-01-01, as built"])
old = attached()
print(f"version 1:                       {old[0]}, {old[1]} bytes, hashed {old[2]}, skipped {old[3]}")
as_seen &= old[0] == hash_file(str(texture), HashAlgorithm.XXH128) and old[2:] == (1, 0)
for name, time in CLOCK.items():
    unpack(second, time)
    new = attached()
    true = hash_file(str(texture), HashAlgorithm.XXH128)
    print(f"version 2, {name:21} {new[0]}, {new[1]} bytes, hashed {new[2]}, skipped {new[3]}; the file's hash is {true}")
    as_seen &= new[1] == len(second) != len(first)
    as_seen &= (new[0] == old[0] != true and new[2:] == (0, 1)) if time == CLOCK["2020-01-01, as built"] else new[0] == true
sys.exit(0 if as_seen else 1)
PYTHON
HOME="$folder" "$folder/venv/bin/python" "$folder/probe.py" "$folder"
