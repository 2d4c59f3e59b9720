"""All endpoints of the HTTP API in one blueprint, with what they have in common."""

from functools import cache

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.types import ResponseDict

from dashboard.api import (
    delete_input,
    delete_user,
    delete_webhook,
    get_dead_letters,
    get_inputs,
    get_job,
    get_job_events,
    get_job_intake,
    get_job_renders,
    get_job_sheet,
    get_job_why,
    get_jobs,
    get_live,
    get_models,
    get_pool_curves,
    get_pool_scaling,
    get_pools,
    get_quota,
    get_render,
    get_render_preview,
    get_render_why,
    get_usage,
    get_users,
    get_webhook,
    get_webhook_deliveries,
    get_webhooks,
    get_workers,
    patch_user,
    patch_webhook,
    post_cancellations,
    post_dead_letters_retry,
    post_inputs,
    post_job_cancel,
    post_job_class,
    post_job_keep,
    post_job_model,
    post_job_order,
    post_job_pause,
    post_job_resume,
    post_job_stream,
    post_jobs,
    post_lane_pause,
    post_lane_resume,
    post_pool_pause,
    post_pool_resume,
    post_project_pause,
    post_project_resume,
    post_render_cancel,
    post_render_retry,
    post_uploads,
    post_webhook_delivery_replay,
    post_webhook_test,
    post_webhooks,
    post_worker_release,
)
from dashboard.problems import PROBLEM_JSON
from dashboard.schemas import Problem

SECURITY: list[dict[str, list[str]]] = [{"key": []}, {"session": []}]
#: What any endpoint may answer besides its own result.
PROBLEMS = {
    "400": "The request is not understood",
    "401": "No key and no session, or a wrong one",
    "402": "The project's budget is spent",
    "403": "Not allowed, or a form token is missing",
    "404": "Not found, or not in your project",
    "409": "Not possible in this state",
    "413": "The body is too large",
    "415": "The body is not JSON",
    "422": "The request is refused; all faults are listed",
    "429": "A quota of the project is used up; which, and when it frees",
    "500": "Something broke on the farm's side",
    "503": "A part of the farm is unreachable or busy; try again",
}
_ENDPOINTS = (
    post_jobs,
    post_job_stream,
    get_job_intake,
    post_uploads,
    post_inputs,
    get_inputs,
    delete_input,
    delete_user,
    get_jobs,
    get_job,
    get_job_renders,
    get_job_sheet,
    get_job_events,
    get_job_why,
    post_job_cancel,
    post_job_pause,
    post_job_resume,
    post_job_class,
    post_job_order,
    post_job_model,
    post_job_keep,
    patch_user,
    post_cancellations,
    get_render,
    get_render_preview,
    get_render_why,
    post_render_cancel,
    post_render_retry,
    get_dead_letters,
    post_dead_letters_retry,
    get_models,
    get_workers,
    post_worker_release,
    get_pools,
    get_pool_curves,
    get_pool_scaling,
    get_usage,
    get_users,
    get_live,
    get_quota,
    post_webhooks,
    get_webhooks,
    get_webhook,
    patch_webhook,
    delete_webhook,
    post_webhook_test,
    get_webhook_deliveries,
    post_webhook_delivery_replay,
    post_project_pause,
    post_project_resume,
    post_lane_pause,
    post_lane_resume,
    post_pool_pause,
    post_pool_resume,
)


@cache
def make_blueprint() -> APIBlueprint:
    """All endpoints of version 1 in one blueprint; made once, as describing their models takes most of the time."""
    blueprint = APIBlueprint(
        "api",
        __name__,
        url_prefix="/api/v1",
        abp_security=SECURITY,
        abp_responses=_described_problems(),
        operation_id_callback=lambda name, path, method: name,
    )
    for endpoint in _ENDPOINTS:
        endpoint.register(blueprint)
    return blueprint


def _described_problems() -> ResponseDict:
    content = {PROBLEM_JSON: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    return {status: {"description": text, "content": content} for status, text in PROBLEMS.items()}
