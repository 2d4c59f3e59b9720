"""GET /api/v1/renders: the finished renders of all jobs of the project, newest first."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import ConfigDict, Field

from dashboard.api.common import RENDERS, Instant, Line, PageQuery, reply, seconds, signed_link
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.cursors import NewestFirst, older_than, read_older_than
from dashboard.reads.gallery.listing import GalleryFilter, list_gallery
from dashboard.reads.ids import known_form
from dashboard.reads.known_names import check_gallery_names
from dashboard.schemas import GalleryRenders
from dashboard.schemas.base import RequestPart
from farm.database import read
from farm.errors import Fault, InvalidRequest
from farm.verification.second_renders import SecondRenders
from scheduler.gallery.marks import BEST_RATING, normal_tag

#: Far above what any model renders, and what every database has for a number.
_LONGEST_SIDE = 100_000


class GalleryFields(RequestPart):
    """Which renders: all that is given must hold."""

    model_config = ConfigDict(extra="forbid")
    text: Line | None = Field(None, description="Words of the prompt, each from its beginning: 'circ' finds 'circle'")
    model: list[Line] = Field([], max_length=10, description="Only of one of these models; may be given several times")
    width: int | None = Field(None, ge=1, le=_LONGEST_SIDE, description="Only of this width, in pixels, as asked for")
    height: int | None = Field(None, ge=1, le=_LONGEST_SIDE, description="Only of this height")
    sampler: Line | None = Field(None, description="Only with this sampler")
    lora: Line | None = Field(None, description="Only with this adapter, by name")
    tag: list[Line] = Field([], max_length=10, description="Only with all of these tags; may be given several times")
    rating: int | None = Field(None, ge=1, le=BEST_RATING, description="Only rated so, or better")
    favourite: bool = Field(False, description="Only favourites")
    user: Line | None = Field(None, description="Only what this person submitted, by name")
    job: str | None = Field(None, description="Only of this job", json_schema_extra={"format": "uuid"})
    scorer: Line | None = Field(None, description="Only what this scorer has scored")
    least_score: float | None = Field(None, allow_inf_nan=False, description="Only with this score by it, or more")
    board: str | None = Field(None, description="Only on this board", json_schema_extra={"format": "uuid"})
    finished_after: Instant | None = Field(None, description="Ended then or later; ISO 8601 with zone")
    finished_before: Instant | None = Field(None, description="Ended before")
    deleted: bool = Field(False, description="Those that were deleted and are not removed yet, instead of all others")
    verifications: SecondRenders = Field(
        SecondRenders.WITHOUT,
        description="Second renders, of verifications, that nobody has rated, tagged or put on a board: left out, "
        "shown too, or all second renders and nothing else; of a `job` and of what was deleted they are shown",
    )

    def chosen(self) -> GalleryFilter:
        """The same for the database. Raises InvalidRequest for a score of nobody."""
        if self.least_score is not None and self.scorer is None:
            raise InvalidRequest([Fault("/query/least_score", "needs 'scorer', which says whose score is meant")])
        return GalleryFilter(
            text=self.text,
            models=tuple(self.model),
            width=self.width,
            height=self.height,
            sampler=self.sampler,
            lora=self.lora,
            tags=tuple(normal_tag(tag) for tag in self.tag),
            rating=self.rating,
            favourite=self.favourite,
            user=self.user,
            job=None if self.job is None else known_form("job", self.job),
            scorer=self.scorer,
            least_score=self.least_score,
            board=None if self.board is None else known_form("board", self.board),
            finished_after=seconds(self.finished_after),
            finished_before=seconds(self.finished_before),
            deleted=self.deleted,
            verifications=self.verifications,
        )


class GalleryQuery(GalleryFields, PageQuery):
    """Which renders, and which page of them."""


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/renders", tags=[RENDERS], responses={200: GalleryRenders})
    def get_renders(query: GalleryQuery) -> Response:
        """List the finished renders of all jobs, newest first, with links to their files.

        With a filter a page may hold less than its limit and yet have a next one: `next_cursor` says so.
        """
        project_id, chosen = principal().project_id, query.chosen()
        with read(farm().engine) as connection:
            check_gallery_names(farm(), connection, project_id, chosen)
            page = list_gallery(
                connection,
                project_id,
                chosen=chosen,
                before=read_older_than(NewestFirst.GALLERY, query.cursor),
                limit=query.limit,
                address_of=signed_link,
            )
        return reply(
            GalleryRenders(items=page.items, next_cursor=page.behind and older_than(NewestFirst.GALLERY, page.behind))
        )
