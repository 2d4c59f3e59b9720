"""A page costs a fixed number of statements, however much there is to show."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event, insert, select

from farm.database import write
from farm.ids import new_id
from farm.tables import Job
from tests.dashboard.conftest import House


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that run meanwhile, without BEGIN, PRAGMA, and the look whether the database answers, which is due
    by time.
    """
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement != "SELECT 1" and not statement.startswith(("BEGIN", "PRAGMA")):
            found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


#: page → the most statements it may cost, the one that knows the key among them
COSTS = {
    "/jobs": 7,  # jobs, running counts, prices, thumbnails, drafts that wait, tags to choose from
    "/api/v1/jobs?limit=200": 4,
    "/jobs/{job}": 24,  # half of them look at the lane: what is before it, and who is there
    "/api/v1/jobs/{job}/renders?limit=200": 7,
    "/api/v1/jobs/{job}": 16,
    "/api/v1/jobs/{job}/why": 13,
    "/workers": 9,
    "/api/v1/pools": 7,
    "/metrics": 15,  # the key, the clock, and a statement for each kind of figure
}


def test_pages_cost_the_same_statements_for_10_rows_and_for_200(house: House) -> None:
    costs: list[dict[str, int]] = []
    for more in (10, 190):
        job = house.submit(seed_count=more)
        _insert_jobs(house.connections.engine, job["id"], more - 1)
        costs.append({path: _cost(house, path.format(job=job["id"])) for path in COSTS})
    assert costs[0] == costs[1]
    assert {path: cost for path, cost in costs[0].items() if cost > COSTS[path]} == {}
    assert len(house.get("/api/v1/jobs?limit=200").json["items"]) == 200


def test_a_job_of_one_picture_costs_few_statements_and_one_commit(house: House) -> None:
    house.submit()
    commits: list[object] = []
    event.listen(house.connections.engine, "commit", commits.append)
    with counted(house.connections.engine) as statements:
        house.submit()
    # The key; the project and its lane; job, event, renders and flow; the job for the answer.
    assert len(statements) == 8
    assert len(commits) == 1


def _cost(house: House, path: str) -> int:
    with counted(house.connections.engine) as statements:
        assert house.get(path).status_code == 200
    return len(statements)


def _insert_jobs(engine: Engine, like: str, count: int) -> None:
    """Copies of a job, without renders."""
    with write(engine) as connection:
        row = connection.execute(select(Job.__table__).where(Job.id == like)).mappings().one()
        connection.execute(insert(Job), [{**row, "id": new_id()} for _ in range(count)])
