"""`python -m deploy.audit`: ends with 0 when all is known and well, 1 for a fault, 3 when something is not known.

The folder build/sbom gets a list of parts for each image, and for everything that `make setup` installs.
"""

import argparse
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import NormalizedName

from deploy.audit.accepted_holes import Judged, judge_holes, read_accepted
from deploy.audit.licences import Licensed, judge, read_table, unused
from deploy.audit.locked import ALL, IMAGES, LOCKS, Locked, read_lock
from deploy.audit.sbom import bill_of_materials
from deploy.audit.vulnerabilities import Holes, ask

FAULTY, UNKNOWN = 1, 3
SHOWN = 5


def main() -> int:
    """Look at everything, print what is to be done, and say in the exit code how it stands."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("--service", choices=("osv", "pypi"), default="osv", help="who knows of holes")
    parser.add_argument("--sbom", type=Path, default=LOCKS.parent / "build/sbom", metavar="FOLDER")
    asked = parser.parse_args()

    locks = {name: [one for one in read_lock(name) if one.installed_somewhere] for name in (ALL, *IMAGES)}
    for name in (ALL, "worker-cpu"):
        locks[name].append(_torch_of_any_build(locks["worker-cuda"]))
    packages = list({(one.name, one.version): one for lock in locks.values() for one in lock}.values())
    table = read_table()
    licensed = {(one.package.name, one.package.version): one for one in judge(packages, table)}

    _write_sboms(asked.sbom, locks, licensed)
    faults = [f"{one.package.name} {one.fault}" for one in licensed.values() if one.fault]
    faults += [f"licences.toml names {name}, which nothing locks" for name in unused(table, packages)]
    print(f"Licences of {len(packages)} packages: {'all are allowed' if not faults else f'{len(faults)} faults'}.")
    print("".join(f"  {fault}\n" for fault in faults), end="")
    holes = ask(packages, asked.service)
    judged = judge_holes(holes.found, read_accepted(), datetime.now(UTC).date())
    _print_holes(holes, judged, len(packages))
    if faults or judged.open or (judged.unused and not holes.unknown):
        return FAULTY
    return UNKNOWN if holes.unknown else 0


def _torch_of_any_build(cuda: list[Locked]) -> Locked:
    """torch where its build is the choice of a package index: the locked version, without hashes."""
    [torch] = [one for one in cuda if one.name == "torch"]
    return replace(torch, sha256=())


def _write_sboms(
    folder: Path, locks: dict[str, list[Locked]], licensed: dict[tuple[NormalizedName, str], Licensed]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, lock in locks.items():
        parts = {one.name: replace(licensed[one.name, one.version], package=one) for one in lock}
        (folder / f"{name}.cdx.json").write_text(bill_of_materials(name, list(parts.values())), encoding="utf-8")
    print(f"Lists of parts (CycloneDX): {folder}/*.cdx.json.")


def _print_holes(holes: Holes, judged: Judged, asked: int) -> None:
    for hole in judged.open:
        print(f"  {hole}")
    for hole, entry in judged.borne:
        print(f"  borne until {entry.until}: {hole}\n    {entry.why}")
    if holes.unknown:
        print(f"NOT KNOWN whether the {asked} packages have holes. This is no clean result.")
        print("".join(f"  {one}\n" for one in holes.unknown[:SHOWN]), end="")
        if len(holes.unknown) > SHOWN:
            print(f"  and {len(holes.unknown) - SHOWN} more")
    else:
        print("".join(f"  holes.toml bears {one.name} of {one.package} for nothing\n" for one in judged.unused), end="")
    if judged.open:
        print(f"{len(judged.open)} known holes in {asked} packages.")
    elif not holes.unknown:
        print(f"No known hole in {asked} packages{', but those that are borne' if judged.borne else ''}.")


if __name__ == "__main__":
    sys.exit(main())
