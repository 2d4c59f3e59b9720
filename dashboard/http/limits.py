"""How much one request may bring, and how many that bring much are taken in at once."""

from contextlib import AbstractContextManager, ExitStack

from flask import Flask, g, request

from dashboard.serving.concurrency_limits import Turns
from farm.errors import TooLarge
from farm.settings import Settings

#: Endpoints whose body is a picture or an adapter, alone or in a form.
_FILES = frozenset(
    {"api.post_inputs", "from_file.take", "inputs.add", "openai.post_images_edits", "openai.post_videos"}
)
_STREAMS = frozenset({"api.post_job_stream"})
#: Forms of people who are nobody yet.
_SIGN_IN = frozenset({"sign_in.by_password", "sign_in.by_link"})
#: What a form has around the file.
_FORM_BYTES = 100_000
_SIGN_IN_BYTES = 10_000
#: Fields of a form; ours have about forty.
MOST_FIELDS = 1_000

#: Where an application keeps them, by endpoint.
_TURNS = "latent_farm_turns"
_EXPORTS = "latent_farm_exports"
_BUSY = "So many uploads are coming in at once that this one has to wait; send it again in a few seconds."

_EXPORTING = "So much is being exported at once that this has to wait; ask again when an export has ended."


def register(app: Flask, settings: Settings) -> None:
    """Set the limits, before anything looks into a body (the guard looks for a form's token)."""
    app.config.update(MAX_CONTENT_LENGTH=settings.max_body_bytes, MAX_FORM_MEMORY_SIZE=settings.max_body_bytes)
    app.config.update(MAX_FORM_PARTS=MOST_FIELDS)
    # Each holds a file on the disk, or a transaction now and then.
    files = Turns(at_once=8, each=4, waiting=64, seconds=60.0, text=_BUSY)
    streams = Turns(at_once=32, each=8, waiting=64, seconds=60.0, text=_BUSY)
    app.extensions[_TURNS] = dict.fromkeys(_FILES, files) | dict.fromkeys(_STREAMS, streams)

    app.extensions[_EXPORTS] = Turns(at_once=16, each=2, waiting=32, seconds=20.0, text=_EXPORTING)

    def allow() -> None:
        if request.endpoint in _FILES:
            most = max(settings.max_input_bytes, settings.max_clip_bytes, settings.max_adapter_bytes)
            request.max_content_length = most + _FORM_BYTES
        elif request.endpoint in _SIGN_IN:
            request.max_content_length = _SIGN_IN_BYTES

    def leave(_: BaseException | None) -> None:
        leave_turn()

    app.before_request(allow)
    app.teardown_request(leave)


def take_turn(app: Flask, project_id: str) -> None:
    """Before a body is read that is a file or a stream: so many at once of a project, and in all. Raises Busy."""
    turns: Turns | None = app.extensions[_TURNS].get(request.endpoint)
    if turns is not None and "turn" not in g:
        g.turn = ExitStack()
        g.turn.enter_context(turns.of(project_id))


def leave_turn() -> None:
    """The body is taken in: from here on the request waits for other things. Asking again does nothing."""
    g.pop("turn", ExitStack()).close()


def export_turn(app: Flask, project_id: str) -> AbstractContextManager[None]:
    """A turn to read much out of the storage, for as long as the answer is sent. Entering it raises Busy."""
    turns: Turns = app.extensions[_EXPORTS]
    return turns.of(project_id)


def check_form() -> None:
    """Before a form is read: a million fields of a byte each would take a second. Raises TooLarge."""
    if request.mimetype != "application/x-www-form-urlencoded":
        return  # of a form in parts they are counted while it is read
    if request.get_data(cache=True).count(b"&") >= MOST_FIELDS:
        raise TooLarge(f"The form has more than {MOST_FIELDS:,} fields.")
