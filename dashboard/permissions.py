"""What each address needs: the one place that says who may do what.

An endpoint that stands in none of these lists is closed to everybody, until somebody opens it here on purpose.
What depends on the body of a request (another project's name, say) is asked with `dashboard.auth.require`.
"""

from collections.abc import Mapping

from farm.security import Scope

#: Answer without a key or a session.
PUBLIC = frozenset(
    {
        "static",
        "health.alive",
        "health.ready",
        "docs.openapi",
        "docs.reference",
        "docs.asset",
        "docs.problem_type",
        "language.choose",
        "shared.file",
        "shared.page",
        "sign_in.ask",
        "sign_in.by_password",
        "sign_in.show_link",
        "sign_in.by_link",
        "sign_in_oidc.begin",
        "sign_in_oidc.back",
    }
)

#: Any key and any session, whatever it may do.
_ANYBODY = ("api.get_whoami", "sign_in.leave")

_READ = (
    *("api.get_dead_letters", "api.get_inputs", "api.get_keys", "api.get_live", "api.get_models"),
    *("api.get_job", "api.get_job_events", "api.get_job_intake", "api.get_job_manifests", "api.get_job_renders"),
    *("api.get_job_archive", "api.get_job_sheet", "api.get_job_why", "api.get_jobs", "api.get_quota", "api.get_usage"),
    *("api.get_pool_curves", "api.get_pools", "api.get_project", "api.get_project_members", "api.get_projects"),
    *("api.get_workers", "api.get_job_set_distances", "api.get_set_distances"),
    *("api.get_render", "api.get_render_preview", "api.get_render_verification", "api.get_render_why"),
    *("api.get_webhook", "api.get_webhook_deliveries", "api.get_webhooks"),
    *("openai.get_model", "openai.get_models", "openai.get_video", "openai.get_video_content", "openai.get_videos"),
    *("artifacts.fetch", "dead_letters.index", "inputs.fetch", "inputs.index", "inputs.thumbnail"),
    *("job.page", "jobs.home", "jobs.index"),
    *("api.get_board", "api.get_boards", "api.get_render_marks", "api.get_renders", "api.get_tags"),
    *("api.get_training", "trainings.page", "api.get_scorers", "api.get_scores", "scores.page"),
    *("gallery.index", "gallery.picture", "gallery.thumbnail"),
    *("download.archive", "download.chosen", "download.gallery", "api.get_archive"),
    *("compare.page", "picture.page", "sheet.page", "workers.index"),
    *("admin_keys.index", "admin_projects.home", "admin_projects.index", "admin_projects.page", "admin_usage.index"),
    *("admin_webhooks.index", "admin_webhooks.page", "admin_share_links.index", "api.get_share_links"),
    *("api.get_presets", "api.get_prompts", "queue.index"),
)

_SUBMIT = (
    *("api.post_jobs", "api.post_job_stream", "api.post_uploads", "api.post_inputs", "api.delete_input"),
    *("api.post_trainings", "trainings.ask", "trainings.begin", "api.post_scores", "scores.ask"),
    *("api.post_job_cancel", "api.post_job_class", "api.post_job_keep", "api.post_job_model", "api.post_job_order"),
    *("api.post_job_pause", "api.post_job_resume", "api.delete_job", "api.post_job_restore"),
    *("api.post_cancellations", "api.post_dead_letters_retry", "api.post_render_cancel", "api.post_render_retry"),
    *("api.post_job_set_distances", "api.post_set_distances", "api.post_render_verification", "picture.verify"),
    *("api.post_render_input", "picture.start"),
    *("api.post_project_pause", "api.post_project_resume", "api.post_keys", "api.delete_key"),
    *("api.post_webhooks", "api.patch_webhook", "api.delete_webhook", "api.post_webhook_test"),
    "api.post_webhook_delivery_replay",
    *("api.delete_board", "api.delete_render", "api.patch_board", "api.patch_render_marks", "api.post_board_renders"),
    *("api.post_boards", "api.post_render_restore", "api.post_renders_marks", "gallery.mark"),
    *("openai.post_images_edits", "openai.post_images_generations", "openai.post_videos", "openai.post_video_remix"),
    "openai.delete_video",
    *("submit.show", "submit.send", "submit.live_quote", "from_file.show", "from_file.take"),
    *("inputs.add", "inputs.remove", "dead_letters.retry"),
    *("job.cancel", "job.cancel_render", "job.retry_render"),
    *("admin_keys.add", "admin_keys.revoke", "admin_projects.pause", "admin_projects.resume"),
    *("admin_webhooks.add", "admin_webhooks.change", "admin_webhooks.remove", "admin_webhooks.replay"),
    *("admin_webhooks.test", "admin_share_links.add", "admin_share_links.revoke"),
    *("api.post_share_links", "api.delete_share_link", "api.post_presets", "api.delete_preset"),
    *("api.post_webhook_secret", "admin_webhooks.renew"),
    *("presets.save", "presets.remove", "queue.move"),
    *("job_controls.change_class", "job_controls.drop", "job_controls.keep", "job_controls.pause"),
    *("job_controls.resume", "job_controls.to_front", "job_controls.delete", "job_controls.restore"),
)

_OPERATE = (
    *("api.get_pool_scaling", "api.post_lane_pause", "api.post_lane_resume", "api.post_pool_pause"),
    *("api.post_pool_resume", "api.post_worker_release", "workers.release_worker"),
    *("api.get_lanes_history", "api.get_usage_projects", "api.get_workers_activity", "api.patch_pool"),
    *("api.post_worker_drain", "farm.index", "farm.worker", "farm_controls.drain", "farm_controls.pause"),
    *("farm_controls.release_worker", "farm_controls.resume", "farm_controls.retry", "farm_controls.scale"),
    *("api.get_worker_log", "metrics.scrape"),
)

_ADMIN = (
    *("api.get_audit", "api.get_users", "api.post_users", "api.patch_user", "api.delete_user", "api.post_projects"),
    *("api.patch_project", "admin_audit.index", "admin_people.add", "admin_people.change", "admin_people.index"),
    *("admin_people.remove", "admin_projects.add", "admin_projects.limit"),
)

#: What each endpoint that is not public needs; None: only that somebody asks.
NEEDS: Mapping[str, Scope | None] = {
    **dict.fromkeys(_ANYBODY, None),
    **dict.fromkeys(_READ, Scope.READ),
    **dict.fromkeys(_SUBMIT, Scope.SUBMIT),
    **dict.fromkeys(_OPERATE, Scope.OPERATE),
    **dict.fromkeys(_ADMIN, Scope.ADMIN),
}
