"""docs/faults.md says what the tests hold the farm to, and nothing else."""

from tests.faults.rows import FAULTS, PAGE, page


def test_the_page_of_faults_is_that_of_its_rows() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it with `python -m tests.faults.rows`"


def test_every_fault_has_its_test() -> None:
    missing = [row.test for row in FAULTS if f"def {row.name}(" not in row.path.read_text(encoding="utf-8")]
    assert missing == []
    assert len({row.test for row in FAULTS}) == len(FAULTS) >= 25
