"""Backlogs for benchmarks: so many pending renders, made by the database itself in one statement."""

from sqlalchemy import Engine, insert, text

from farm.database import write
from farm.ids import new_id
from farm.tables import Flow, Job, Lane, Pool, Project

LANE, POOL = "bench@fp32", "bench"
#: A prompt as people write them, so that rows are as wide as real ones.
PROMPT = "a red circle on a blue background, " * 6

_NUMBERS = {
    "postgresql": "SELECT n FROM generate_series(0, :count - 1) AS series(n)",
    "sqlite": "WITH RECURSIVE series(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM series WHERE n < :count - 1)"
    " SELECT n FROM series",
}
_ID = {"postgresql": "CAST(lpad(to_hex(n), 32, '0') AS uuid)", "sqlite": "printf('%032x', n)"}
_TIDY = {"postgresql": ["VACUUM ANALYZE", "CHECKPOINT"], "sqlite": ["PRAGMA wal_checkpoint(TRUNCATE)"]}
_FILL = """
    INSERT INTO renders (id, job_id, "index", project_id, lane, flow_id, status, rank, batch_key, width, height,
        frames, parameters, estimate, attempt, failures, created_at)
    SELECT {id}, owners.job_id, n / {flows}, owners.project_id, '{lane}', owners.flow_id, 'pending', 0,
        '{keys}' || (n / {flows} / 16 % {kinds}),
        512, 512, 1, '{{"prompt": "{prompt}"}}', 1.0, 0, 0, 0.0
    FROM ({numbers}) AS numbered
    JOIN (SELECT {number} AS place, flows.id AS flow_id, flows.project_id, jobs.id AS job_id
          FROM flows JOIN jobs ON jobs.flow_id = flows.id) AS owners ON owners.place = n % {flows}
"""


def fill(engine: Engine, pending: int, *, flows: int = 8, kinds: int = 4) -> None:
    """`pending` renders of one lane in `flows` projects' flows, of `kinds` batch keys in runs of 16."""
    dialect = engine.dialect.name
    with write(engine) as connection:
        connection.execute(insert(Lane).values(name=LANE, model="bench", precision="fp32"))
        connection.execute(insert(Pool).values(name=POOL, lane=LANE, max_batch=8))
        for place in range(flows):
            project, flow = new_id(), new_id()
            connection.execute(insert(Project).values(id=project, name=f"project {place:04}", created_at=0.0))
            connection.execute(
                insert(Flow).values(
                    id=flow, lane=LANE, project_id=project, class_name="normal", weight=1.0, backlogged=True
                )
            )
            connection.execute(
                insert(Job).values(
                    id=new_id(), project_id=project, flow_id=flow, lane=LANE, model="bench", title="bench",
                    status="open", version=1, request={}, renders_total=-(-(pending - place) // flows), created_at=0.0,
                )
            )  # fmt: skip
    statement = _FILL.format(
        id=_ID[dialect],
        lane=LANE,
        flows=flows,
        kinds=kinds,
        keys="k" * 60,
        prompt=PROMPT,
        numbers=_NUMBERS[dialect],
        number="row_number() OVER (ORDER BY flows.id) - 1",
    )
    insert_all = text(statement.replace('{"prompt":', '{"prompt"\\:'))
    with write(engine) as connection:
        if dialect == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # its foreign keys are right
        connection.execute(insert_all, {"count": pending})
    tidy(engine)


def tidy(engine: Engine) -> None:
    """What the server would do by itself in its own time: statistics, and all that is written brought to the tables."""
    connection = engine.raw_connection()
    try:
        if engine.dialect.name == "postgresql":
            connection.rollback()
            connection.dbapi_connection.autocommit = True  # type: ignore[union-attr]
        cursor = connection.cursor()
        for statement in _TIDY[engine.dialect.name]:
            cursor.execute(statement)
    finally:
        connection.detach()
        connection.close()
