#!/usr/bin/env bash
# pygal 3.1.3, a library that draws charts as SVG, seen 2026-11-29: to import it puts a finder of modules of the old kind (with
# `find_module` and without `find_spec`, which Python 3.4 replaced) at the end of `sys.meta_path`, for plugins with maps.
#
#   On Python 3.10 and 3.11 every later import that no finder before it answers warns of it (ImportWarning:
#   "PluginImportFixer.find_spec() not found; falling back to find_module()"), and fails where warnings are errors. Python 3.12
#   took the old kind out and asks such a finder nothing any more.
#
# Expected before it was tried: that importing a library changes nothing for other imports. The way round is to take it out of
# `sys.meta_path` after the import. Installs the library, no server and no GPU; exits with 1 if it is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pygal==3.1.3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

before = list(sys.meta_path)
import pygal  # noqa: E402

left = [finder for finder in sys.meta_path if finder not in before]
print("left behind:", [type(finder).__name__ for finder in left])
old = [finder for finder in left if not hasattr(finder, "find_spec")]
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    try:
        import a_module_that_is_not_there  # noqa: F401
    except ModuleNotFoundError:
        pass
warned = any("find_spec() not found" in str(one.message) for one in said)
print("warns at a later import:", warned, "on Python", sys.version.split()[0])
for finder in old:
    sys.meta_path.remove(finder)
still_draws = len(pygal.Line().render()) > 1000
print("draws without it:", still_draws)
sys.exit(not (len(old) == 1 and still_draws and warned == (sys.version_info < (3, 12))))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
