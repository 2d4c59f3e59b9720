"""The gallery: marks, tags and boards of finished renders, and the search for words of their prompts.

A later migration that makes SQLite's table of renders anew (batch mode) loses its triggers: it has to make them again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = depends_on = None

_ID = sa.Uuid(as_uuid=False)

#: The id and the project are columns to match by: rows of FTS5 are found by nothing else.
_INSERT = """
    INSERT INTO render_search (prompt, render_id, project_id)
    VALUES (json_extract(NEW.parameters, '$.prompt'), NEW.id, NEW.project_id);
"""
_SQLITE = (
    "CREATE VIRTUAL TABLE render_search USING fts5 "
    "(prompt, render_id, project_id, tokenize = 'unicode61', prefix = '2 3')",
    f"CREATE TRIGGER render_search_done AFTER UPDATE OF status ON renders "
    f"WHEN NEW.status = 'done' AND OLD.status <> 'done' BEGIN {_INSERT} END",
    f"CREATE TRIGGER render_search_insert AFTER INSERT ON renders WHEN NEW.status = 'done' BEGIN {_INSERT} END",
    "CREATE TRIGGER render_search_delete AFTER DELETE ON renders WHEN OLD.status = 'done' BEGIN "
    "DELETE FROM render_search WHERE rowid IN "
    "(SELECT rowid FROM render_search WHERE render_search MATCH 'render_id : \"' || OLD.id || '\"'); END",
    "INSERT INTO render_search (prompt, render_id, project_id) "
    "SELECT json_extract(parameters, '$.prompt'), id, project_id FROM renders WHERE status = 'done'",
)
#: The expression of `dashboard.reads.gallery.prompt_search`, to the letter.
_POSTGRESQL = (
    "CREATE INDEX render_search_prompt ON renders USING gin (to_tsvector('simple', "
    "regexp_replace(parameters->>'prompt', '[^a-zA-Z0-9]+', ' ', 'g'))) WHERE status = 'done'",
)


def upgrade() -> None:
    op.create_table(
        "render_marks",
        sa.Column("render_id", _ID, nullable=False),
        sa.Column("rating", sa.Integer()),
        sa.Column("favourite", sa.Boolean(), nullable=False),
        sa.Column("delete_at", sa.Double()),
        sa.Column("removed_at", sa.Double()),
        sa.ForeignKeyConstraint(
            ["render_id"], ["renders.id"], ondelete="CASCADE", name=op.f("fk_render_marks_render_id_renders")
        ),
        sa.PrimaryKeyConstraint("render_id", name=op.f("pk_render_marks")),
    )
    due = sa.text("delete_at IS NOT NULL AND removed_at IS NULL")
    op.create_index("ix_render_marks_delete_at", "render_marks", ["delete_at"], sqlite_where=due, postgresql_where=due)
    op.create_table(
        "render_tags",
        sa.Column("render_id", _ID, nullable=False),
        sa.Column("tag", sa.String(50), nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["render_id"], ["renders.id"], ondelete="CASCADE", name=op.f("fk_render_tags_render_id_renders")
        ),
        sa.PrimaryKeyConstraint("render_id", "tag", name=op.f("pk_render_tags")),
    )
    op.create_index("ix_render_tags_project_id_tag", "render_tags", ["project_id", "tag"])
    op.create_table(
        "boards",
        sa.Column("id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_boards_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_boards")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_boards_project_id_name")),
    )
    op.create_table(
        "board_renders",
        sa.Column("board_id", _ID, nullable=False),
        sa.Column("render_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["board_id"], ["boards.id"], ondelete="CASCADE", name=op.f("fk_board_renders_board_id_boards")
        ),
        sa.ForeignKeyConstraint(
            ["render_id"], ["renders.id"], ondelete="CASCADE", name=op.f("fk_board_renders_render_id_renders")
        ),
        sa.PrimaryKeyConstraint("board_id", "render_id", name=op.f("pk_board_renders")),
    )
    op.create_index(op.f("ix_board_renders_render_id"), "board_renders", ["render_id"])
    done = sa.text("status = 'done'")
    op.create_index("ix_renders_done", "renders", ["project_id", "id"], sqlite_where=done, postgresql_where=done)
    for statement in _SQLITE if _on_sqlite() else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    if _on_sqlite():
        for trigger in ("done", "insert", "delete"):
            op.execute(f"DROP TRIGGER render_search_{trigger}")
        op.execute("DROP TABLE render_search")
    else:
        op.drop_index("render_search_prompt", "renders")
    op.drop_index("ix_renders_done", "renders")
    for table in ("board_renders", "boards", "render_tags", "render_marks"):
        op.drop_table(table)


def _on_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
