"""The rows of docs/faults.md: each fault, the test that makes it happen, and what the test holds the farm to.

    python -m tests.faults.rows

writes the page; a test sees that page and rows agree, and that every test that a row names is there.
"""

from collections.abc import Sequence
from pathlib import Path

from tests.faults.farm_rows import FARM_FAULTS
from tests.faults.fault import Fault
from tests.faults.server_rows import SERVER_FAULTS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "faults.md"

HEAD = """# Faults

What happens when something breaks. Every row has a test that breaks it, with the real server, process or file, and
looks afterwards: **lost** is work that was accepted and is not there any more, **doubled** is work that counts or is
stored twice. Both columns are empty because the tests fail otherwise. The page is written by
`python -m tests.faults.rows`; [healing.md](healing.md) says who mends what.

Beside the rows there is chaos: everything is killed at random while several projects submit, on two machines with
networks of their own too, whose wires are cut for 2 to 40 seconds; two schedulers, dashboards and scorers, four
workers, PostgreSQL:

    python -m tests.end_to_end.chaos --seconds 1800 --two-machines

Half an hour of it on 2026-11-30 (seed 29, two cores on which up to thirty processes waited for their turn): 183
kills, 11 cuts; 110 jobs with 358 renders, all done, once, with the bytes that their rows say, and each known to who had
submitted it. 353 tries of the submitting clients got no answer; of 21 jobs only a later try heard that they were there.
141 leases were lost, 89 attempts were handed back, 71 were blamed on their renders, almost all for an engine that fell
with its fork server; 45 orphans were found by gc, and none after it. Nothing is to be remarked. In an earlier run two
jobs were done of which their clients did not know that they were accepted: a gateway of the machine's own network
answered with 404 while the wire was cut, and a client that is refused gives up, whatever became of its tries before.
What is said to a machine that is cut off does not leave that way any more.

| fault | lost | doubled | what people see | how it heals | test |
| --- | --- | --- | --- | --- | --- |
"""

FAULTS: Sequence[Fault] = (*SERVER_FAULTS, *FARM_FAULTS)


def page() -> str:
    """The whole page."""
    rows = (f"| {row.what} | | | {row.seen} | {row.heals} | `{row.name}` |\n" for row in FAULTS)
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
