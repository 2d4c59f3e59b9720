"""What is to be rendered: lanes, flows, jobs, renders, attempts, events."""

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from farm.lifecycle import JobStatus, Outcome, Phase, RenderStatus
from farm.tables.base import HOT_ROWS, Base, Document, Double, Id, Name, Seconds, one_of

_BACKLOGGED = text("backlogged")
_PENDING = text("status = 'pending'")
_RUNNING = text("status = 'running'")
_DRAFTED = text("status = 'drafted'")
_FAILED = text("status = 'failed'")
_DONE = text("status = 'done'")
_TIMED = text("status = 'held' AND eligible_at IS NOT NULL")
_FAILED_ATTEMPT = text("outcome = 'failed'")
_EXPIRES = text("deadline IS NOT NULL AND finished_at IS NULL")
_UNFINISHED = text("finished_at IS NULL")
_ENDED = text("finished_at IS NOT NULL")
_DELETED = text("delete_at IS NOT NULL")
_VERIFIES = text("verifies_id IS NOT NULL")
_ENDING = text("ending IS NOT NULL")
_UNRESOLVED = text("resolved_at IS NULL")
#: Counts up for ever, also on SQLite, where a plain key would be given again after its row was removed.
_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


class Lane(Base):
    """The work for one model at one precision: 'sana-demo@fp32'."""

    __tablename__ = "lanes"
    name: Mapped[Name] = mapped_column(primary_key=True)
    model: Mapped[Name]
    precision: Mapped[str] = mapped_column(String(40))
    paused_at: Mapped[Seconds | None]
    folded_to: Mapped[int] = mapped_column(BigInteger, default=0)  # charges up to this id are in the virtual times


class LaneClass(Base):
    """One class of one lane: its own virtual time among the classes, and where its newcomers start.

    A row appears when the class is claimed from for the first time; `scheduler.fair_share.fair_queueing` explains it.
    """

    __tablename__ = "lane_classes"
    __table_args__ = (HOT_ROWS,)
    lane: Mapped[Name] = mapped_column(ForeignKey("lanes.name"), primary_key=True)
    class_name: Mapped[str] = mapped_column(String(20), primary_key=True)
    virtual_time: Mapped[Double] = mapped_column(default=0.0)  # charged GPU-seconds / share of the class
    start: Mapped[Double] = mapped_column(default=0.0)  # virtual time of the class when it was served last
    flow_start: Mapped[Double] = mapped_column(default=0.0)  # of the flow served last: newcomers start here


class Flow(Base):
    """One project in one class in one lane: where virtual time, weight and pause live."""

    __tablename__ = "flows"
    __table_args__ = (
        UniqueConstraint("lane", "project_id", "class_name"),
        Index("ix_flows_backlogged", "lane", sqlite_where=_BACKLOGGED, postgresql_where=_BACKLOGGED),
        HOT_ROWS,
    )
    id: Mapped[Id] = mapped_column(primary_key=True)
    lane: Mapped[Name] = mapped_column(ForeignKey("lanes.name"))
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"), index=True)
    #: Of the settings' class_shares; by default `scheduler.fair_share.fair_queueing.CLASSES`: urgent | normal | bulk.
    class_name: Mapped[str] = mapped_column(String(20))
    weight: Mapped[Double] = mapped_column(default=1.0)
    virtual_time: Mapped[Double] = mapped_column(default=0.0)  # charged GPU-seconds / weight
    # True while it competes: it has pending renders (or had at the last look) and is not paused.
    backlogged: Mapped[bool] = mapped_column(default=False)
    epoch: Mapped[int] = mapped_column(default=0)  # raised when renders become pending: fences the clearing
    paused_at: Mapped[Seconds | None]


class Charge(Base):
    """GPU-seconds that a flow was charged and that are not in its virtual time yet: a row a claim or a settle.

    Claims only insert here. Were they to rewrite the rows of flows and classes, every claim would leave dead
    versions of the few rows that every claim reads, and slow down while somebody keeps an old snapshot. Now and
    then the rows are folded into virtual times and usage, and removed.
    """

    __tablename__ = "charges"
    __table_args__ = (Index("ix_charges_lane_id", "lane", "id"), HOT_ROWS | {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    lane: Mapped[Name]  # no foreign keys: each would cost every claim a look-up
    class_name: Mapped[str] = mapped_column(String(20))
    flow_id: Mapped[Id]
    gpu_seconds: Mapped[Double]  # added to the flow's account; negative: given back
    class_start: Mapped[Double | None]  # of a claim's head: virtual time of its class as it was served
    flow_start: Mapped[Double | None]  # and of its flow
    pool: Mapped[Name | None]  # of a settle: where the seconds were spent
    spent: Mapped[Double] = mapped_column(default=0.0)  # of a settle: GPU-seconds that really passed
    renders: Mapped[int] = mapped_column(default=0)  # of a settle: renders that ended
    at: Mapped[Seconds]


class Job(Base):
    """What a user submitted: a model, parameters, and one or many renders. Counters move only at a settle."""

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("status", JobStatus),
        Index("ix_jobs_project_id_id", "project_id", "id"),
        Index("ix_jobs_deadline", "deadline", sqlite_where=_EXPIRES, postgresql_where=_EXPIRES),
        Index("ix_jobs_unfinished", "lane", sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED),
        Index("ix_jobs_finished_at", "finished_at", sqlite_where=_ENDED, postgresql_where=_ENDED),
        Index("ix_jobs_delete_at", "delete_at", sqlite_where=_DELETED, postgresql_where=_DELETED),
        Index("ix_jobs_ending", "id", sqlite_where=_ENDING, postgresql_where=_ENDING),
        Index("ix_jobs_verifies_id", "verifies_id", sqlite_where=_VERIFIES, postgresql_where=_VERIFIES),
        HOT_ROWS,
    )
    id: Mapped[Id] = mapped_column(primary_key=True)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"))
    user_id: Mapped[Id | None] = mapped_column(ForeignKey("users.id"))
    flow_id: Mapped[Id] = mapped_column(ForeignKey("flows.id"))
    lane: Mapped[Name] = mapped_column(ForeignKey("lanes.name"))
    model: Mapped[Name]
    title: Mapped[str] = mapped_column(String(300))  # the first prompt, shortened
    status: Mapped[str] = mapped_column(String(20))
    version: Mapped[int] = mapped_column(default=0)  # raised by every event of the job: events are gapless
    request: Mapped[Document]  # as it was submitted
    renders_total: Mapped[int]
    renders_done: Mapped[int] = mapped_column(default=0)
    renders_failed: Mapped[int] = mapped_column(default=0)
    renders_cancelled: Mapped[int] = mapped_column(default=0)
    renders_expired: Mapped[int] = mapped_column(default=0)
    rank: Mapped[int] = mapped_column(default=0)  # of its renders inside their flow; smaller is sooner
    not_before: Mapped[Seconds | None]  # its renders are held until then
    deadline: Mapped[Seconds | None]  # what has not ended by then expires
    remixed_from_id: Mapped[Id | None]  # the render that its one was made from with another prompt; it may be gone
    verifies_id: Mapped[Id | None]  # the render that its one repeats, to see whether it comes out as it was
    after_failure: Mapped[str | None] = mapped_column(String(20))  # scheduler.control: what follows if `after` fails
    estimate: Mapped[Double] = mapped_column(default=0.0)  # GPU-seconds of all its renders, at admission
    gpu_seconds: Mapped[Double] = mapped_column(default=0.0)  # spent so far, failed attempts included
    money: Mapped[Double] = mapped_column(default=0.0)  # the same at the prices of the pools
    watt_hours: Mapped[Double] = mapped_column(default=0.0)
    created_at: Mapped[Seconds]
    finished_at: Mapped[Seconds | None]
    ending: Mapped[str | None] = mapped_column(String(20))  # the end that the supervisor brings its renders to
    ending_reason: Mapped[str | None] = mapped_column(Text)
    delete_at: Mapped[Seconds | None]  # somebody deleted it: it is removed then, and leaves the lists now


class Dependency(Base):
    """A job that waits for another one (`after`)."""

    __tablename__ = "dependencies"
    __table_args__ = (
        Index("ix_dependencies_after_id", "after_id", sqlite_where=_UNRESOLVED, postgresql_where=_UNRESOLVED),
    )
    job_id: Mapped[Id] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    after_id: Mapped[Id] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    resolved_at: Mapped[Seconds | None]  # when the other one had ended and this one knew


class Intake(Base):
    """A job whose renders stream in, in chunks: how far it is, so that anybody can go on after a crash."""

    __tablename__ = "intakes"
    __table_args__ = (
        Index(
            "ix_intakes_updated_at",
            "updated_at",
            sqlite_where=text("sealed_at IS NULL"),
            postgresql_where=text("sealed_at IS NULL"),
        ),
    )
    job_id: Mapped[Id] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    format: Mapped[str] = mapped_column(String(20))  # jsonl | csv
    source: Mapped[str | None] = mapped_column(String(1000))  # s3://BUCKET/KEY; none: the client sends the rows
    source_version: Mapped[str | None] = mapped_column(String(200))  # ETag: a changed object is another one
    defaults: Mapped[Document]  # what every row takes that does not say otherwise
    header: Mapped[Document]  # of CSV: {"columns": [...]}
    rows: Mapped[int] = mapped_column(default=0)  # rows of the source that are admitted
    renders: Mapped[int] = mapped_column(default=0)  # and the renders they became
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # of the source that are admitted
    updated_at: Mapped[Seconds]
    sealed_at: Mapped[Seconds | None]
    error: Mapped[Document | None]  # the faults that stopped it


class Render(Base):
    """One output (an image or a clip): the unit that is claimed, rendered, retried.

    No foreign keys: two of them were 40 % of the time in which PostgreSQL takes in 10,000 renders. That job and flow
    exist is guarded by who writes: admission inserts job and flow, or locks the job's row, in the transaction that
    inserts the renders; flows are never removed; and `scheduler.maintenance.old_files.remove_old_jobs` removes a job,
    under that lock, only when it has no renders left. `tests/scheduler/invariants.py` looks for orphans after
    everything that tests do.
    """

    __tablename__ = "renders"
    __table_args__ = (
        one_of("status", RenderStatus),
        one_of("phase", Phase),
        UniqueConstraint("job_id", "index"),
        # The claim's two paths, both inside one flow and both holding only pending rows: the head, and the
        # backfill of its batch key that may share its batch.
        Index("ix_renders_head", "flow_id", "rank", "id", sqlite_where=_PENDING, postgresql_where=_PENDING),
        Index(
            "ix_renders_fill",
            *("flow_id", "batch_key", "batch_limit", "rank", "id"),
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
        Index("ix_renders_lease", "lease_until", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
        Index("ix_renders_running", "project_id", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
        Index("ix_renders_drafted", "job_id", sqlite_where=_DRAFTED, postgresql_where=_DRAFTED),
        Index("ix_renders_failed", "project_id", "id", sqlite_where=_FAILED, postgresql_where=_FAILED),
        Index("ix_renders_done", "project_id", "id", sqlite_where=_DONE, postgresql_where=_DONE),
        Index("ix_renders_eligible", "eligible_at", sqlite_where=_TIMED, postgresql_where=_TIMED),
        HOT_ROWS,
    )
    id: Mapped[Id] = mapped_column(primary_key=True)
    job_id: Mapped[Id]
    index: Mapped[int]  # 0 … renders_total - 1: its place in the job
    project_id: Mapped[Id]  # its flow's project and lane, kept here too
    lane: Mapped[Name]
    flow_id: Mapped[Id]
    status: Mapped[str] = mapped_column(String(20))
    phase: Mapped[str | None] = mapped_column(String(20))  # of a running render
    rank: Mapped[int] = mapped_column(default=0)  # order inside its flow; smaller is sooner
    batch_key: Mapped[str] = mapped_column(String(64))
    width: Mapped[int]  # as the model renders it (Sana: the bin), in pixels
    height: Mapped[int]
    frames: Mapped[int]
    parameters: Mapped[Document]  # farm.params: the family's model, dumped
    estimate: Mapped[Double]  # GPU-seconds
    attempt: Mapped[int] = mapped_column(default=0)  # the fence: only the newest may write
    failures: Mapped[int] = mapped_column(default=0)  # passes that this render itself killed or raised in
    batch_limit: Mapped[int | None]  # how many may render beside it, itself included; none: no limit
    worker_id: Mapped[Id | None]
    lease_until: Mapped[Seconds | None]
    reason: Mapped[str | None] = mapped_column(Text)  # why it failed, was cancelled or went back
    eligible_at: Mapped[Seconds | None]  # of a held render
    created_at: Mapped[Seconds]
    started_at: Mapped[Seconds | None]
    finished_at: Mapped[Seconds | None]
    gpu_seconds: Mapped[Double | None]
    money: Mapped[Double | None]
    watt_hours: Mapped[Double | None]


class Attempt(Base):
    """One try at one render by one worker."""

    __tablename__ = "attempts"
    __table_args__ = (
        one_of("outcome", Outcome),
        Index("ix_attempts_failed", "ended_at", sqlite_where=_FAILED_ATTEMPT, postgresql_where=_FAILED_ATTEMPT),
    )
    render_id: Mapped[Id] = mapped_column(ForeignKey("renders.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    worker_id: Mapped[Id]
    pool: Mapped[Name]
    batch_id: Mapped[Id]  # the claim that took it: who shared that claim shares the id
    batch_size: Mapped[int]  # how many that claim took
    started_at: Mapped[Seconds]
    ended_at: Mapped[Seconds | None]
    outcome: Mapped[str | None] = mapped_column(String(20))  # farm.lifecycle.Outcome
    reason: Mapped[str | None] = mapped_column(Text)
    gpu_seconds: Mapped[Double | None]
    log_lines: Mapped[str | None] = mapped_column(Text)  # of a failed attempt: the last of its worker, no secrets


class Event(Base):
    """One thing that happened to a job, numbered by the job's version: no gaps, no misses."""

    __tablename__ = "events"
    job_id: Mapped[Id] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))  # 'submitted', 'done', 'failed', 'cancelled', 'retried', …
    at: Mapped[Seconds] = mapped_column(index=True)
    payload: Mapped[Document]  # {"renders": [ids or indexes], "reason": …}; never a secret
