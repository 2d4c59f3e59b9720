"""Fixtures that all tests may ask for live in the modules named here; and which tests run in the same process."""

import gc

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from structlog.dev import ConsoleRenderer, plain_traceback
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = [
    "tests.clean_environments",
    "tests.compiled_dashboards",
    "tests.compiled_statements",
    "tests.databases",
    "tests.example_plugin",
    "tests.quick_passwords",
    "tests.servers",
    "tests.tls",
]

# How long an example takes says more of what else the machine does than of the code. To explain a failure, hypothesis
# traces every line of every example, which takes a fifth of the time: `--hypothesis-profile default` does.
settings.register_profile(
    "farm", deadline=None, phases=set(Phase) - {Phase.explain}, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("farm")

gc.disable()  # until all is collected: see pytest_collection_finish

#: Files whose tests all use the one running farm of their session.
THE_RUNNING_FARM = (
    "end_to_end/test_adapters.py",
    "end_to_end/test_batching.py",
    "end_to_end/test_control.py",
    "end_to_end/test_crashes.py",
    "end_to_end/test_drafts.py",
    "end_to_end/test_first_light.py",
    "end_to_end/test_openai.py",
    "end_to_end/test_outputs.py",
    "end_to_end/test_scores.py",
    "end_to_end/test_verification.py",
)

#: Files that keep a process busy for long, beside those of `end_to_end`. They come before the many small ones, which
#: are then shared out among all processes until the end.
SLOW_FILES = (
    "dashboard/test_accessibility.py",
    "dashboard/test_browser.py",
    "dashboard/test_form_in_browser.py",
    "dashboard/test_grid_in_browser.py",
    "dashboard/test_schemathesis.py",
    "dashboard/test_trainings_api.py",
    "deploy/audit/test_audit.py",
    "farm/doctor/test_doctor.py",
    "farm/local/test_stack.py",
    "farm/test_broker_refusals.py",
    "scheduler/test_lifecycle_machine.py",
    "scheduler/test_pooler.py",
    "scheduler/test_scheduler_process.py",
    "workers/denoising/test_checkpoint_file.py",
    "workers/engine/test_fork_server.py",
    "workers/engine/test_parked_tracks.py",
    "workers/engine/test_previews.py",
    "workers/engine/test_process.py",
    "workers/engine/test_warm_up.py",
    "workers/families/test_condition_pictures.py",
    "workers/families/test_families.py",
    "workers/families/test_shipped_models.py",
    "workers/families/test_wan22.py",
    "workers/families/test_wan_animate.py",
    "workers/families/test_wan_vace.py",
    "workers/memory_planning/test_memory_planning.py",
    "workers/model_files/test_first_loads.py",
    "workers/pipelines/test_single_file_layouts.py",
    "workers/sharding/test_sharding.py",
    "workers/sharding/test_training_on_ranks.py",
    "workers/test_carried.py",
    "workers/test_requests_and_pipelines.py",
    "workers/training/test_training.py",
    "workers/verification/test_rerender.py",
)


class FilesStayTogether(LoadScopeScheduling):
    """With several test processes, a file stays in one, and all that share the running farm stay together."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "the running farm" if file.endswith(THE_RUNNING_FARM) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesStayTogether:
    return FilesStayTogether(config, log)


def pytest_configure() -> None:
    """Errors in the log of a test come out as Python writes them, as in a farm's log: with all its variables beside it,
    as structlog does it where nobody has set it up, that of a deep model took ten seconds.
    """
    [renderer] = [one for one in structlog.get_config()["processors"] if isinstance(one, ConsoleRenderer)]
    renderer.exception_formatter = plain_traceback


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that no process waits for another at the end."""

    def turn(item: pytest.Item) -> int:
        file = item.nodeid.partition("::")[0]
        return 0 if "end_to_end" in file else 1 if file.endswith(SLOW_FILES) else 2

    items.sort(key=turn)


def pytest_collection_finish() -> None:
    """What was imported stays: the collector, who walks over all of it again and again, took a tenth of the time, and
    a fifth of that of the imports, for which it rests.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
