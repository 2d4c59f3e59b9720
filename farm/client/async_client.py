"""The client for programs that use asyncio: every call of `FarmClient` as a coroutine, over its threads."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, Unpack, cast

from farm.client.client import FarmClient
from farm.client.errors import FarmUnreachable
from farm.client.live import NewPreview, StepProgress
from farm.client.replies import Job
from farm.client.results import only_render

if TYPE_CHECKING:
    from PIL.Image import Image

    from farm.params.request.job_fields import JobFields

P = ParamSpec("P")
T = TypeVar("T")
_END = object()


def _awaited(
    call: Callable[Concatenate[FarmClient, P], T],
) -> Callable[Concatenate[AsyncFarmClient, P], Coroutine[Any, Any, T]]:
    """The call in a thread. One that is cancelled goes on there, and what it does is done."""

    @functools.wraps(call)
    async def method(self: AsyncFarmClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.to_thread(call, self.sync, *args, **kwargs)

    return method


def _each(
    call: Callable[Concatenate[FarmClient, P], Iterator[T]],
) -> Callable[Concatenate[AsyncFarmClient, P], AsyncGenerator[T, None]]:
    """What the call yields, one by one, from a thread of its own, which ends with the next that it yields."""

    @functools.wraps(call)
    async def method(self: AsyncFarmClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T, None]:
        found = call(self.sync, *args, **kwargs)
        loop = asyncio.get_running_loop()
        thread = ThreadPoolExecutor(1, thread_name_prefix="farm-client")
        try:
            while (item := await loop.run_in_executor(thread, next, found, _END)) is not _END:
                yield cast(T, item)
        finally:
            thread.submit(getattr(found, "close", lambda: None))
            thread.shutdown(wait=False)

    return method


class AsyncFarmClient:
    """A farm, over HTTP, for asyncio: the methods of FarmClient, awaited, or iterated over with `async for`.

        async with AsyncFarmClient() as farm:
            picture = await farm.render("sana-demo", "a red circle")

    Takes what FarmClient takes, and raises what it raises. For a time limit use `asyncio.timeout`.
    """

    def __init__(
        self, url: str | None = None, key: str | None = None, *, timeout: float = 30.0, retry_seconds: float = 30.0
    ) -> None:
        #: The same farm for calls that may block.
        self.sync = FarmClient(url, key, timeout=timeout, retry_seconds=retry_seconds)

    @classmethod
    def over(cls, farm: FarmClient) -> Self:
        """The farm of a client that there is already, over its connections; whoever made it closes it."""
        client = cls.__new__(cls)
        client.sync = farm
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the kept connections."""
        await asyncio.to_thread(self.sync.close)

    def time(self) -> float:
        """The farm's time, seconds since 1970, as its last answer told."""
        return self.sync.time()

    async def wait(self, job_id: str) -> Job:
        """The job once it has ended, well or not: see its `status`."""
        async with aclosing(self.live(job_id)) as events:
            async for event in events:
                if isinstance(event, StepProgress | NewPreview):
                    continue
                try:
                    job = await self.job(job_id)
                except FarmUnreachable:
                    continue  # the stream knows how long to be patient, and beats when the farm is back
                if job.ended:
                    return job
        raise FarmUnreachable  # the stream of a farm does not end

    async def wait_all(self, job_ids: list[str]) -> list[Job]:
        """The jobs, in their order, once all of them have ended."""
        return [await self.wait(job_id) for job_id in job_ids]

    async def render(self, model: str, prompt: str, **fields: Unpack[JobFields]) -> Image:
        """Submit one render, wait for it, and give its picture: see FarmClient."""
        job = await self.submit(model, prompt, **fields)
        await self.wait(job.id)
        renders = [render async for render in self.renders(job.id, limit=2)]
        return await self.picture_of(only_render(renders).id)

    submit = _awaited(FarmClient.submit)
    submit_file = _awaited(FarmClient.submit_file)
    continue_file = _awaited(FarmClient.continue_file)
    quote = _awaited(FarmClient.quote)
    job = _awaited(FarmClient.job)
    jobs = _each(FarmClient.jobs)
    find_render = _awaited(FarmClient.find_render)
    renders = _each(FarmClient.renders)
    events = _each(FarmClient.events)
    live = _each(FarmClient.live)
    as_completed = _each(FarmClient.as_completed)
    cancel = _awaited(FarmClient.cancel)
    cancel_render = _awaited(FarmClient.cancel_render)
    cancel_matching = _awaited(FarmClient.cancel_matching)
    verify = _awaited(FarmClient.verify)
    verification = _awaited(FarmClient.verification)
    retry = _awaited(FarmClient.retry)
    pause = _awaited(FarmClient.pause)
    resume = _awaited(FarmClient.resume)
    change_class = _awaited(FarmClient.change_class)
    to_front = _awaited(FarmClient.to_front)
    to_back = _awaited(FarmClient.to_back)
    put_before = _awaited(FarmClient.put_before)
    move = _awaited(FarmClient.move)
    delete = _awaited(FarmClient.delete)
    restore = _awaited(FarmClient.restore)
    drafts = _each(FarmClient.drafts)
    keep = _awaited(FarmClient.keep)
    dead_letters = _each(FarmClient.dead_letters)
    retry_dead_letters = _awaited(FarmClient.retry_dead_letters)
    download = _awaited(FarmClient.download)
    download_render = _awaited(FarmClient.download_render)
    download_renders = _awaited(FarmClient.download_renders)
    picture_of = _awaited(FarmClient.picture_of)
    preview = _awaited(FarmClient.preview)
    add_input = _awaited(FarmClient.add_input)
    add_output = _awaited(FarmClient.add_output)
    train = _awaited(FarmClient.train)
    training = _awaited(FarmClient.training)
    scorers = _awaited(FarmClient.scorers)
    ask_scores = _awaited(FarmClient.ask_scores)
    scores = _each(FarmClient.scores)
    count_scores = _awaited(FarmClient.count_scores)
    keep_set_distance = _awaited(FarmClient.keep_set_distance)
    set_distances = _awaited(FarmClient.set_distances)
    keep_gallery_set_distance = _awaited(FarmClient.keep_gallery_set_distance)
    gallery_set_distances = _awaited(FarmClient.gallery_set_distances)
    inputs = _each(FarmClient.inputs)
    remove_input = _awaited(FarmClient.remove_input)
    why = _awaited(FarmClient.why)
    why_render = _awaited(FarmClient.why_render)
    why_any = _awaited(FarmClient.why_any)
    whoami = _awaited(FarmClient.whoami)
    projects = _awaited(FarmClient.projects)
    create_project = _awaited(FarmClient.create_project)
    change_project = _awaited(FarmClient.change_project)  # type: ignore[arg-type]  # its keywords may be any
    members = _awaited(FarmClient.members)
    keys = _awaited(FarmClient.keys)
    create_key = _awaited(FarmClient.create_key)
    revoke_key = _awaited(FarmClient.revoke_key)
    users = _awaited(FarmClient.users)
    audit = _each(FarmClient.audit)
    create_user = _awaited(FarmClient.create_user)
    change_user = _awaited(FarmClient.change_user)
    remove_user = _awaited(FarmClient.remove_user)
    usage = _awaited(FarmClient.usage)
    quota = _awaited(FarmClient.quota)
    models = _awaited(FarmClient.models)
    pools = _awaited(FarmClient.pools)
    workers = _awaited(FarmClient.workers)
    release_worker = _awaited(FarmClient.release_worker)
    worker_log = _awaited(FarmClient.worker_log)
    drain_worker = _awaited(FarmClient.drain_worker)
    scale_pool = _awaited(FarmClient.scale_pool)
    pause_project = _awaited(FarmClient.pause_project)
    resume_project = _awaited(FarmClient.resume_project)
    pause_lane = _awaited(FarmClient.pause_lane)
    resume_lane = _awaited(FarmClient.resume_lane)
    pause_pool = _awaited(FarmClient.pause_pool)
    resume_pool = _awaited(FarmClient.resume_pool)
    gallery = _each(FarmClient.gallery)
    marks = _awaited(FarmClient.marks)
    mark = _awaited(FarmClient.mark)
    tags = _awaited(FarmClient.tags)
    delete_render = _awaited(FarmClient.delete_render)
    restore_render = _awaited(FarmClient.restore_render)
    boards = _awaited(FarmClient.boards)
    add_board = _awaited(FarmClient.add_board)
    find_board_id = _awaited(FarmClient.find_board_id)
    rename_board = _awaited(FarmClient.rename_board)
    change_board = _awaited(FarmClient.change_board)
    remove_board = _awaited(FarmClient.remove_board)
    presets = _awaited(FarmClient.presets)
    save_preset = _awaited(FarmClient.save_preset)
    remove_preset = _awaited(FarmClient.remove_preset)
    find_preset = _awaited(FarmClient.find_preset)
    find_preset_id = _awaited(FarmClient.find_preset_id)
    prompts = _awaited(FarmClient.prompts)
    share_links = _awaited(FarmClient.share_links)
    share = _awaited(FarmClient.share)
    revoke_share_link = _awaited(FarmClient.revoke_share_link)
    find_share_link_id = _awaited(FarmClient.find_share_link_id)
    webhooks = _awaited(FarmClient.webhooks)
    webhook = _awaited(FarmClient.webhook)
    add_webhook = _awaited(FarmClient.add_webhook)
    change_webhook = _awaited(FarmClient.change_webhook)
    renew_webhook_secret = _awaited(FarmClient.renew_webhook_secret)
    remove_webhook = _awaited(FarmClient.remove_webhook)
    test_webhook = _awaited(FarmClient.test_webhook)
    webhook_deliveries = _each(FarmClient.webhook_deliveries)
    replay_delivery = _awaited(FarmClient.replay_delivery)
    find_webhook_id = _awaited(FarmClient.find_webhook_id)
    find_delivery_id = _awaited(FarmClient.find_delivery_id)
    find_job_id = _awaited(FarmClient.find_job_id)
    find_render_id = _awaited(FarmClient.find_render_id)
    find_any_id = _awaited(FarmClient.find_any_id)
