"""Which renders' prompts hold words, by the index that each database has for it (migration 0013).

Words of ASCII letters and digits are looked up in the index, from their beginning: 'circ' finds 'circle'. Others
(Chinese, accented) are looked for anywhere in the prompt: neither index splits all scripts into words.
"""

import re
import uuid

from sqlalchemy import ColumnElement, Dialect, bindparam, literal_column, select, text
from sqlalchemy.sql.elements import TextClause

from farm.tables import Render

_WORDS = re.compile(r"[^\W_]+")


def prompt_conditions(dialect: Dialect, project_id: str, searched: str) -> list[ColumnElement[bool] | TextClause]:
    """What holds for finished renders of this project whose prompt holds all these words."""
    words = _WORDS.findall(searched) or [searched]
    indexed = [word.lower() for word in words if word.isascii() and word.isalnum()]
    others = [word for word in words if not (word.isascii() and word.isalnum())]
    prompt = Render.parameters["prompt"].as_string()
    found: list[ColumnElement[bool] | TextClause] = [prompt.icontains(word, autoescape=True) for word in others]
    if indexed:
        found.append(_sqlite(project_id, indexed) if dialect.name == "sqlite" else _postgresql(indexed))
    return found


def _sqlite(project_id: str, words: list[str]) -> ColumnElement[bool]:
    wanted = " AND ".join(f'"{word}"*' for word in words)
    match = f'project_id : "{uuid.UUID(project_id).hex}" AND prompt : ({wanted})'
    matching = text("render_search MATCH :match").bindparams(bindparam("match", match))
    return Render.id.in_(select(literal_column("render_id")).select_from(text("render_search")).where(matching))


def _postgresql(words: list[str]) -> TextClause:
    expression = "to_tsvector('simple', regexp_replace(renders.parameters->>'prompt', '[^a-zA-Z0-9]+', ' ', 'g'))"
    wanted = " & ".join(f"{word}:*" for word in words)
    return text(f"{expression} @@ to_tsquery('simple', :words)").bindparams(bindparam("words", wanted))
