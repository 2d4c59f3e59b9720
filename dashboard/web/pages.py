"""All pages put together, and what their templates use."""

from flask import Flask

from dashboard import auth
from dashboard.context import farm
from dashboard.times import duration, iso, moment, spread
from dashboard.translations import choice, said, stored
from dashboard.web import (
    artifacts,
    docs,
    download,
    health,
    inputs,
    jobs,
    language,
    metrics,
    picture,
    queue,
    shared,
    sheet,
    sign_in,
    sign_in_oidc,
    submit,
    trainings,
    words,
)
from dashboard.web.admin import audit as admin_audit
from dashboard.web.admin import keys as admin_keys
from dashboard.web.admin import people as admin_people
from dashboard.web.admin import projects as admin_projects
from dashboard.web.admin import share_links as admin_share_links
from dashboard.web.admin import usage as admin_usage
from dashboard.web.admin import webhooks as admin_webhooks
from dashboard.web.farm import controls as farm_controls
from dashboard.web.farm import dead_letters, failures, workers
from dashboard.web.farm import page as farm_page
from dashboard.web.farm.view import worker_state
from dashboard.web.form import from_file, presets
from dashboard.web.form.starting_points import model_that_starts
from dashboard.web.gallery import page as gallery
from dashboard.web.gallery import scores
from dashboard.web.job import compare
from dashboard.web.job import controls as job_controls
from dashboard.web.job import page as job
from farm.clock_words import clock_words
from farm.contact_sheet import figures
from farm.security import Scope


def register(app: Flask) -> None:
    """Add all pages, and what their templates use."""
    for page in (
        sign_in,
        sign_in_oidc,
        jobs,
        job,
        job_controls,
        sheet,
        compare,
        download,
        gallery,
        scores,
        picture,
        submit,
        presets,
        from_file,
        queue,
        inputs,
        trainings,
        workers,
        farm_page,
        farm_controls,
        admin_projects,
        admin_people,
        admin_keys,
        admin_webhooks,
        admin_share_links,
        shared,
        admin_usage,
        admin_audit,
        dead_letters,
        artifacts,
        docs,
        health,
        metrics,
        language,
    ):
        app.register_blueprint(page.blueprint)
    choice.register(app)
    app.jinja_env.filters.update(duration=duration, moment=moment, spread=spread, iso=iso, bytes=words.size_in_bytes)
    app.jinja_env.filters.update(said=said.said, word=said.word, stored=stored.stored, number=words.number)
    app.jinja_env.filters["failure_meaning"] = failures.failure_meaning
    app.jinja_env.filters.update(money=words.amount, energy=words.energy, figures=figures, clock_words=clock_words)
    app.jinja_env.globals.update(job_state=words.job_state, render_state=words.render_state, percent=words.percent)
    app.jinja_env.globals.update(time_now=lambda: f"{farm().clock():.3f}")  # raises nothing, on no page
    app.jinja_env.globals.update(best_of=words.best_of, status_words=words.status_words, varied=words.varied)
    app.jinja_env.globals.update(worker_state=worker_state, sees=lambda scope: auth.sees(Scope(scope)))
    app.jinja_env.globals.update(model_that_starts=model_that_starts)
    app.jinja_env.globals.update(axes_words=words.axes_words, filter_name=words.filter_name)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.context_processor(lambda: {"signed_in": auth.is_signed_in(), "only_looks": auth.only_looks()})
