"""Names in filters: one that nobody knows is refused with what there is, and not answered with an empty list.

Known is what the farm has now, and what the project's own jobs have: models leave the catalog, people their project,
plugins the farm, and what was rendered with them is to be found. Words that people give (tags, adapters, titles) are
looked for as they are: one that nothing has finds nothing.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, exists, select

from dashboard.reads.gallery.listing import GalleryFilter, selection
from dashboard.reads.gallery.scores import check_job
from farm.catalog.supported_features import known_samplers
from farm.connections import Connections
from farm.did_you_mean import did_you_mean
from farm.errors import Fault, InvalidRequest
from farm.scorers import scorer_names
from farm.sentences import Sentence, sentence
from farm.tables import Flow, Job, Lane, Score, User
from scheduler.gallery.boards import find_board

#: Names that a refusal lists.
_SHOWN = 8


def unknown(kind: Sentence, name: str, known: Sequence[str], show: int) -> Sentence:
    """That there is nothing of this kind and name, with what there is."""
    there_is = did_you_mean(name, known, show=show)
    return sentence("there is no %(kind)s %(name)s; %(there_is)s", kind=kind, name=repr(name[:100]), there_is=there_is)


class KnownNames:
    """Gathers the faults of a request's filters; `check` raises them all. A project of None: of all projects."""

    def __init__(
        self, connections: Connections, connection: Connection, project_id: str | None, place: str = "/query"
    ) -> None:
        self._farm, self._connection, self._project_id, self._place = connections, connection, project_id, place
        self._faults: list[Fault] = []

    def models(self, names: Iterable[str | None], field: str = "model") -> None:
        """Of the catalog, or of a job."""
        for name in names:
            if name is not None and name not in self._farm.catalog.models:
                self._look(
                    name, field, sentence("model"), self._farm.catalog.models, self._of_project(Job, Job.model == name)
                )

    def class_name(self, name: str | None) -> None:
        """Of the settings, or of a job."""
        shares = self._farm.settings.class_shares
        if name is not None and name not in shares:
            self._look(name, "class", sentence("class"), shares, self._of_project(Flow, Flow.class_name == name))

    def lane(self, name: str | None) -> None:
        """Of any model at any precision that was ever served or asked for."""
        if name is not None:
            lanes = self._connection.scalars(select(Lane.name)).all()
            self._look(name, "lane", sentence("lane"), lanes, None)

    def user(self, name: str | None) -> None:
        """Of the project, or who submitted one of its jobs."""
        if name is None:
            return
        people = select(User.name)
        if self._project_id is not None:
            people = people.where(User.project_id == self._project_id)
        submitted = self._of_project(Job, Job.user_id == select(User.id).where(User.name == name).scalar_subquery())
        self._look(name, "user", sentence("person"), self._connection.scalars(people).all(), submitted)

    def sampler(self, name: str | None) -> None:
        """Installed, or of a finished render of those that a list looks at."""
        if name is None or name in known_samplers():
            return
        assert self._project_id is not None
        used = selection(self._connection, self._project_id, GalleryFilter(sampler=name)).limit(1)
        if self._connection.execute(used).first() is None:
            self._look(name, "sampler", sentence("sampler"), known_samplers(), None)

    def scorer(self, name: str | None) -> None:
        """Installed, or one that has scored."""
        if name is not None and name not in scorer_names():
            used = exists().where(Score.scorer == name, Score.project_id == self._project_id)
            self._look(name, "scorer", sentence("scorer"), scorer_names(), used)

    def faults(self) -> list[Fault]:
        """One for each name that is not known."""
        return self._faults

    def check(self) -> None:
        """Raise InvalidRequest if any name is not known."""
        if self._faults:
            raise InvalidRequest(self._faults)

    def _look(
        self, name: str, field: str, kind: Sentence, known: Iterable[str], used: ColumnElement[bool] | None
    ) -> None:
        names = list(known)
        if name in names or (used is not None and self._connection.scalar(select(used))):
            return
        self._faults.append(Fault(f"{self._place}/{field}", unknown(kind, name, names, show=_SHOWN)))

    def _of_project(self, table: type[Job | Flow], condition: ColumnElement[bool]) -> ColumnElement[bool]:
        """Whether a row of the project, or of any, is so."""
        mine = [] if self._project_id is None else [table.project_id == self._project_id]
        return exists().where(condition, *mine)


def gallery_name_faults(
    connections: Connections, connection: Connection, project_id: str, chosen: GalleryFilter
) -> list[Fault]:
    """The names in the gallery's filters that nobody knows, each at its filter: '/query/model'."""
    known = KnownNames(connections, connection, project_id)
    known.models(chosen.models)
    known.user(chosen.user)
    known.sampler(chosen.sampler)
    known.scorer(chosen.scorer)
    return known.faults()


def check_gallery_names(
    connections: Connections, connection: Connection, project_id: str, chosen: GalleryFilter
) -> None:
    """Raise InvalidRequest for names in the gallery's filters, and NotFound for a job or board that is not there."""
    if faults := gallery_name_faults(connections, connection, project_id, chosen):
        raise InvalidRequest(faults)
    check_job(connection, project_id, chosen)
    if chosen.board is not None:
        find_board(connection, project_id, chosen.board)
