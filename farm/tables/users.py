"""Who uses the farm: projects (tenants), users, keys, and what they already asked for."""

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from farm.tables.base import Base, Double, Id, Name, Seconds


class Project(Base):
    """A tenant: its weight in the fair share, its jobs, its keys."""

    __tablename__ = "projects"
    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[Name] = mapped_column(unique=True)
    weight: Mapped[Double] = mapped_column(default=1.0)
    created_at: Mapped[Seconds]
    paused_at: Mapped[Seconds | None]  # its flows, also those that come later, are paused
    max_pending: Mapped[int | None]  # quotas; none: no limit
    max_running: Mapped[int | None]
    gpu_seconds_per_day: Mapped[Double | None]
    budget: Mapped[Double | None]  # money in all, in the farm's currency; at the limit nothing more is admitted
    retention_days: Mapped[Double | None]  # its ended jobs are kept so long; none: what the farm says


class User(Base):
    """A person who signs in to the dashboard."""

    __tablename__ = "users"
    __table_args__ = (Index("ix_users_oidc_subject", "oidc_subject", "oidc_issuer", unique=True),)
    id: Mapped[Id] = mapped_column(primary_key=True)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"), index=True)
    name: Mapped[Name] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(String(20))  # farm.security.Role: viewer | artist | operator | admin
    password_hash: Mapped[str | None] = mapped_column(String(300))  # argon2; none: sign-in links only
    created_at: Mapped[Seconds]
    disabled_at: Mapped[Seconds | None]  # shut out: no session, key or link of this user counts
    oidc_issuer: Mapped[str | None] = mapped_column(String(500))  # who vouches for the user …
    oidc_subject: Mapped[str | None] = mapped_column(String(255))  # … and under which id of its own


class Session(Base):
    """A browser that somebody signed in with. Of what its cookie holds only the hash is kept."""

    __tablename__ = "sessions"
    id: Mapped[Id] = mapped_column(primary_key=True)
    user_id: Mapped[Id] = mapped_column(ForeignKey("users.id"), index=True)
    secret_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[Seconds]
    expires_at: Mapped[Seconds] = mapped_column(index=True)


class Key(Base):
    """A secret that stands for a project: an API key or a one-time sign-in link. Only its hash is kept."""

    __tablename__ = "keys"
    id: Mapped[Id] = mapped_column(primary_key=True)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"), index=True)
    user_id: Mapped[Id | None] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(String(20))  # farm.security.KeyKind: api | sign_in
    name: Mapped[Name]
    secret_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[Seconds]
    expires_at: Mapped[Seconds | None]
    used_at: Mapped[Seconds | None]  # a link: when it was used up; an API key: its last use, to the minute
    revoked_at: Mapped[Seconds | None]
    scopes: Mapped[str | None] = mapped_column(String(100))  # 'read,submit'; none: all that the role may


class IdempotencyKey(Base):
    """A submission that was already accepted: the same key again returns the same job, never a second one."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("project_id", "key"),)
    id: Mapped[Id] = mapped_column(primary_key=True)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"))
    key: Mapped[Name]
    body_sha256: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[Id] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[Seconds]
