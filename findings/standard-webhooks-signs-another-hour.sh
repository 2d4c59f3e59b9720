#!/usr/bin/env bash
# Which time the package standardwebhooks 1.1.0 signs when it is given a datetime with a zone, seen 2026-11-29:
#
#   `Webhook.sign(id, datetime, body)` signs the seconds since 1970 that the sender writes beside it as `webhook-timestamp`. Of an
#   aware datetime it takes the clock's digits and drops the zone: 14:00+01:00 is signed as 14:00 UTC, an hour late. A sender that
#   writes `int(at.timestamp())` sends messages that each receiver refuses ("No matching signature found"), this package's own
#   `verify` among them. At UTC, on servers and in CI, and in London until spring, the same code works.
#
# Expected before it was tried: the same instant, the same signature, whatever the zone. Hand it `datetime.now(UTC)` alone. Install,
# nothing is sent; exits with 1 if that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "standardwebhooks==1.1.0"

cat > "$folder/probe.py" <<'PYTHON'
import base64
import sys
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

hook = Webhook("whsec_" + base64.b64encode(b"a secret of 24 letters..").decode())
BODY = '{"type": "job.completed"}'
now = datetime.now(timezone.utc).replace(microsecond=0)


def answer(seconds, signature):
    try:
        hook.verify(BODY, {"webhook-id": "1", "webhook-timestamp": str(seconds), "webhook-signature": signature})
    except WebhookVerificationError as error:
        return f"refused: {error}"
    return "accepted"


print(f"standardwebhooks {version('standardwebhooks')}")
as_seen = True
for hours in (0, 1, -5):
    at = now.astimezone(timezone(timedelta(hours=hours)))  # the same instant
    signature = hook.sign("1", at, BODY)
    seen = answer(int(at.timestamp()), signature)
    as_of_digits = signature == hook.sign("1", now + timedelta(hours=hours), BODY)
    print(f"  UTC{hours:+d}: {seen}; the signature is that of {hours:+d} hours: {as_of_digits}")
    as_seen &= as_of_digits and seen == ("refused: No matching signature found" if hours else "accepted")
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
