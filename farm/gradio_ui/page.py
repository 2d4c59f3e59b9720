"""The page: what happens when its form is used, and what is shown of it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import gradio as gr

from farm.client import AsyncFarmClient, FarmClient
from farm.errors import FarmError, Fault, InvalidRequest
from farm.gradio_ui.form import Form, model_choices
from farm.gradio_ui.job_fields import Asked
from farm.gradio_ui.model_choices import Offer, read_offers
from farm.gradio_ui.progress_text import notices_of, progress_html, status_line
from farm.gradio_ui.rendering import reasons, render
from farm.gradio_ui.session import Session

TITLE = "Latent Farm"
#: Visitors who render at the same time; each takes a thread.
MOST_RENDERING = 64
#: Seconds after which what a visitor who has left had is forgotten.
FORGET_SECONDS = 3600
_SEEDS = 2**32  # of the dice: all noise is drawn from 32 bits

#: What an event changes: a component, and its value or what is new of it.
Changes = dict[Any, Any]


def make_page(farm: FarmClient, folder: Path) -> gr.Blocks:
    """The page for one farm; files of its visitors lie below `folder`.

    Raises FarmError when the farm does not answer, or offers nothing.
    """
    offers = read_offers(farm)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(FORGET_SECONDS, FORGET_SECONDS)) as page:
        _Page(farm, offers, folder).connect(page)
    return page


class _Page:
    """The components, and what happens when they are used. What is wrong is said beside the form, in words."""

    def __init__(self, farm: FarmClient, offers: dict[str, Offer], folder: Path) -> None:
        self._farm = farm
        self._following = AsyncFarmClient.over(farm)
        self.session = gr.State(Session(folder), time_to_live=FORGET_SECONDS, delete_callback=self.left)
        gr.Markdown(f"# {TITLE}")
        with gr.Row():
            with gr.Column(scale=2):
                self.form = Form(offers)
                self.problem = gr.Textbox(label="The farm says", interactive=False, visible=False)
                with gr.Row():
                    self.render = gr.Button("Render", variant="primary")
                    self.cancel = gr.Button("Cancel", variant="stop")
            with gr.Column(scale=3):
                self.status = gr.Textbox(label="Status", interactive=False, max_lines=1)
                self.running = gr.HTML(padding=False)
                self.gallery = gr.Gallery(
                    label="This visit", columns=3, height=560, object_fit="contain", interactive=False
                )

    def connect(self, page: gr.Blocks) -> None:
        """Say which button does what. By default Gradio lets one visitor render at a time."""
        form, told = self.form, {self.problem, *self.form.of_the_model}
        at_once: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden"}
        page.load(self.loaded, None, {form.model, *told}, api_visibility="private", **at_once)
        # Of two models chosen in haste the second counts; by default Gradio drops an event while one like it runs.
        form.model.input(self.chosen, form.model, told, api_name="model", trigger_mode="always_last", **at_once)
        form.dice.click(lambda: str(secrets.randbelow(_SEEDS)), None, form.seed, api_visibility="private", **at_once)
        self.render.click(
            self.rendered,
            [self.session, *form.fields],
            [self.status, self.running, self.gallery, self.problem],
            api_name="render",
            concurrency_limit=MOST_RENDERING,
            show_progress="hidden",
        )
        self.cancel.click(self.cancelled, self.session, self.problem, api_name="cancel", **at_once)

    def loaded(self) -> Changes:
        """The farm's models as they are now. Only then one can be chosen: a choice made before would be taken back."""
        try:
            offers = read_offers(self._farm)
        except FarmError as error:
            return {self.form.model: gr.Dropdown(interactive=True), self.problem: _said(error)}
        first = next(iter(offers.values()))
        model = gr.Dropdown(model_choices(offers), value=first.name, interactive=True)
        return {self.form.model: model, **self.form.narrowed(first), self.problem: _said()}

    def chosen(self, name: str) -> Changes:
        """What the chosen model takes, set to its defaults."""
        try:
            return {**self.form.narrowed(_offer(self._farm, name)), self.problem: _said()}
        except FarmError as error:
            return {self.problem: _said(error)}

    async def rendered(self, session: Session, *values: Any) -> AsyncIterator[Changes]:
        """Render what the form says, and show how it goes on.

        A coroutine, because a visitor who leaves is let go of at once: of a thread, Gradio waits for what it does next,
        which on a quiet stream takes longer than Gradio's own client waits for the answer.

        What comes last has all parts: to a program, Gradio's client gives that alone, and of a part that was left out
        no value, although an earlier one had it.
        """
        asked, status = Asked(*values), ""
        yield {self.status: status, self.running: "", self.problem: _said()}
        try:
            offer = await asyncio.to_thread(_offer, self._farm, asked.model)
            async with aclosing(render(self._following, session, asked, offer)) as news:
                shown = -1
                async for rendering in news:
                    status = status_line(rendering)
                    changes: Changes = {self.status: status, self.running: progress_html(rendering)}
                    if shown != len(rendering.fetched):
                        shown = len(rendering.fetched)
                        changes[self.gallery] = list(session.gallery)
                    yield changes
            job = rendering.job
            failures = await asyncio.to_thread(reasons, self._farm, job)
            words = "\n".join(filter(None, [notices_of(job), failures]))
        except FarmError as error:
            words = str(error)
        last = {self.status: status, self.running: "", self.gallery: list(session.gallery), self.problem: _said(words)}
        yield last

    def cancelled(self, session: Session) -> Any:
        """Cancel what runs for this visitor."""
        try:
            session.cancel(self._farm)
        except FarmError as error:
            return _said(error)
        return _said()

    def left(self, session: Session) -> None:
        """A visitor has gone."""
        session.end(self._farm)


def _offer(farm: FarmClient, name: str) -> Offer:
    offers = read_offers(farm)
    if name not in offers:
        raise InvalidRequest([Fault("/model", f"must be one of {', '.join(offers)}; seen {name!r}")])
    return offers[name]


def _said(words: object = "") -> gr.Textbox:
    """Words beside the form; none: nothing is there."""
    return gr.Textbox(value=str(words), visible=bool(str(words)))
