#!/usr/bin/env bash
# How opentelemetry-sdk 1.45.2 samples traces whose ids are UUIDs, seen 2026-11-29.
#
# A job, a render or a request that has a UUID already can lend it to its trace: 16 bytes, as a trace id wants. W3C Trace Context
# (Level 2, 'random trace id flag') asks that the last 7 bytes be random; those of a UUID of version 4 are (RFC 9562).
#
# Expected: TraceIdRatioBased(0.5) samples about half of such traces, 0.25 about a quarter. Seen: none of either, and 0.75 samples
# all. It compares the last 8 bytes with the share of 2**64, and in a UUID the first two bits of these are the variant, '10': the
# number lies between a half and three quarters, always. So a farm that traces 'a tenth of the jobs' traces none, and is not told.
# Controls: ids of the SDK's own generator come out right, and so do the same UUIDs by the SDK's newer sampler, which looks at 7
# bytes (composable_traceid_ratio_based, still experimental). Exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "opentelemetry-sdk==1.45.2"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import uuid
from importlib.metadata import version

from opentelemetry.sdk.trace._sampling_experimental import composable_traceid_ratio_based, composite_sampler
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

COUNT = 4000
IDS = {
    "UUID 4": [uuid.uuid4().int for _ in range(COUNT)],
    "the SDK's own": [RandomIdGenerator().generate_trace_id() for _ in range(COUNT)],
}
SAMPLERS = {
    "TraceIdRatioBased": TraceIdRatioBased,
    "composable": lambda share: composite_sampler(composable_traceid_ratio_based(share)),
}


def sampled(sampler, ids):
    return sum(sampler.should_sample(None, id, "job").decision is Decision.RECORD_AND_SAMPLE for id in ids) / COUNT


print(f"opentelemetry-sdk {version('opentelemetry-sdk')}, Python {sys.version.split()[0]}")
wrong = []
for name, make in SAMPLERS.items():
    for kind, ids in IDS.items():
        for share in (0.25, 0.5, 0.75):
            found = sampled(make(share), ids)
            print(f"{name:>18}({share}) of {kind:<13} samples {found:.3f}")
            broken = name == "TraceIdRatioBased" and kind.startswith("UUID")
            seen = (found == (1.0 if share == 0.75 else 0.0)) if broken else abs(found - share) < 0.05
            if not seen:
                wrong.append((name, kind, share, found))
print("as described above" if not wrong else f"different now: {wrong}")
sys.exit(bool(wrong))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
