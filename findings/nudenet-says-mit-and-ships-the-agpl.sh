#!/usr/bin/env bash
# What the wheel of NudeNet 3.4.2 says of its licence, seen 2026-11-29:
#
#   The metadata say "MIT License" twice (License, and the classifier "OSI Approved :: MIT License"). The licence files in
#   the same wheel, LICENSE and LICENSE.md, are the GNU Affero General Public License, version 3.
#
# A check of licences that reads metadata, as most do, lets it pass among permissive packages. Expected before it was
# looked at: that metadata and the licence files of one wheel name the same licence. Downloads one wheel and installs
# nothing; exits with 1 if that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --dest "$folder" "nudenet==3.4.2"

python3 - "$folder" <<'PYTHON'
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

[wheel] = Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(wheel) as files:
    names = [name for name in files.namelist() if ".dist-info/" in name]
    [metadata] = [Parser().parsestr(files.read(name).decode()) for name in names if name.endswith("/METADATA")]
    licences = {name: files.read(name).decode() for name in names if Path(name).name.startswith("LICENSE")}
print(wheel.name)
print("metadata:", metadata["License"], "|", [one for one in metadata.get_all("Classifier") if "License" in one])
for name, text in licences.items():
    print(f"{name}:", " ".join(text.split()[:9]))
as_seen = "MIT" in metadata["License"] and licences
as_seen = as_seen and all("GNU AFFERO GENERAL PUBLIC LICENSE" in text for text in licences.values())
sys.exit(0 if as_seen else 1)
PYTHON
