#!/usr/bin/env bash
# What the two libraries that Flask applications choose a language by make of a browser that reads Chinese, seen 2026-11-29
# with Werkzeug 3.1.9 and Babel 2.19.0. The application offers English and `zh-Hans`, Simplified Chinese, as W3C advises to
# tag it; a browser in China sends 'zh-CN,zh;q=0.9,en;q=0.8'.
#
#   werkzeug: LanguageAccept.best_match(["en", "zh-Hans"])              → 'en'
#   babel:    negotiate_locale(["zh_CN", "zh", "en"], ["en", "zh_Hans"]) → 'en'
#
# Expected before it was tried: Chinese. Babel itself knows that zh_CN is written in Hans (Locale.parse gives it that script),
# but does not use it here; neither does 'zh', which stands in the list for this very case, match a tag with a script. RFC
# 4647's lookup only shortens what is asked for, so both hold to its letter. Whoever offers `zh-Hans` has to compare scripts,
# as dashboard/translations/choice.py does; who offers `zh-CN` or `zh` is found by both (the control cases below).
#
# Install, no server; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "werkzeug==3.1.9" "babel==2.19.0"

cat > "$folder/probe.py" <<'PYTHON'
import sys

from babel import Locale, negotiate_locale
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

SENT = "zh-CN,zh;q=0.9,en;q=0.8"
accepted = parse_accept_header(SENT, LanguageAccept)
wanted = [tag.replace("-", "_") for tag, _ in accepted]


def chosen(offered):
    return accepted.best_match(offered), negotiate_locale(wanted, [tag.replace("-", "_") for tag in offered])


print("sent:", SENT, "| zh_CN is written in", Locale.parse("zh_CN").script)
for offered in (["en", "zh-Hans"], ["en", "zh-CN"], ["en", "zh"]):
    print(f"offered {offered}: werkzeug {chosen(offered)[0]}, babel {chosen(offered)[1]}")
as_seen = chosen(["en", "zh-Hans"]) == ("en", "en") and Locale.parse("zh_CN").script == "Hans"
as_seen &= chosen(["en", "zh-CN"]) == ("zh-CN", "zh_CN") and chosen(["en", "zh"]) == ("zh", "zh")
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
