"""Pictures and clips that renders start from: uploaded, listed, removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.lists import pages
from farm.client.replies import Input


class Inputs:
    """Uploaded files of the project."""

    _transport: Transport

    def add_input(self, picture: str | Path | bytes, *, name: str | None = None) -> Input:
        """Upload a picture (PNG, JPEG, WebP or AVIF), a clip (MP4 or WebM) or an adapter (.safetensors); a path, or the
        bytes.

        Give its `id` as `image` or `video` of a job, or as the name of one of its `loras`. The same file is stored
        once, however often it is sent. Raises OSError when the file cannot be read.
        """
        data = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
        called = name or ("picture" if isinstance(picture, bytes) else Path(picture).name)
        headers = {"Content-Type": "application/octet-stream"}
        told = self._transport.post_bytes(api_path("inputs"), data, params={"name": called[:300]}, headers=headers)
        return read_reply(Input, told)

    def add_output(self, render_id: str) -> Input:
        """Take the picture or clip of a finished render as an upload, for other renders to start from."""
        told = self._transport.post(api_path("renders", render_id, "input"), repeatable=True)
        return read_reply(Input, told)

    def inputs(self) -> Iterator[Input]:
        """The uploaded files, newest first."""
        return pages(self._transport, Input, api_path("inputs"))

    def remove_input(self, input_id: str) -> Input:
        """Remove an uploaded file; refused while a render that has not ended needs it."""
        return read_reply(Input, self._transport.delete(api_path("inputs", input_id)))
