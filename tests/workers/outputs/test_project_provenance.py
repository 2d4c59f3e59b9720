"""Projects whose outputs say something else of where they come from than those of all others."""

import time
from pathlib import Path
from typing import Any

import pytest

from farm.accounts import create_project
from farm.connections import Connections
from farm.errors import InvalidRequest, SettingsError
from farm.provenance.rules import read_rules
from farm.provenance.source_type import GENERATED
from farm.storage_keys import ArtifactKind
from tests.scheduler.conftest import TestClock, catalog, clock
from tests.scheduler.jobs import claim_some, statuses, submit_job
from tests.signing import MakeSigning, SigningFiles, make_signing, read_credentials
from tests.workers.outputs.test_plugins import FACTS, connections, finish, flat, spool
from workers.outputs.artifacts import make_draft_files
from workers.outputs.plugins import OutputPlugins
from workers.outputs.project_provenance import ProjectProvenance
from workers.protocol import Drafted, StepTrace

__all__ = ["catalog", "clock", "connections", "make_signing", "spool"]
DAY = 86_400.0


@pytest.fixture(autouse=True)
def today(clock: TestClock) -> None:
    """Certificates are good for days of the real calendar."""
    clock.now = time.time()


def signed_by(files: SigningFiles) -> str:
    return f"{{provenance: credentials, certificate_file: {files.certificate}, key_file: {files.key}}}"


def written(folder: Path, **rules: str) -> Path:
    """A file of rules; `others` stands for '*'."""
    path = folder / "rules.yaml"
    path.write_text("".join(f"'{'*' if name == 'others' else name}': {rule}\n" for name, rule in rules.items()))
    return path


def output_of(connections: Connections, project_id: str) -> bytes:
    """The one picture that is stored for a project."""
    files: dict[str, bytes] = connections.storage.files  # type: ignore[attr-defined]
    [data] = [data for key, data in files.items() if project_id in key and key.endswith("output.png")]
    return data


def test_each_project_is_signed_by_its_own_certificate_or_not_at_all_and_all_others_by_the_farms(
    connections: Connections, make_signing: MakeSigning, spool: Path, tmp_path: Path
) -> None:
    farm, film = make_signing("farm"), make_signing("film")
    rules = written(tmp_path, film=signed_by(film), tests="{provenance: none}", news="{provenance: source-type}")
    projects = {}
    for name in ("film", "tests", "news", "ada"):
        projects[name] = create_project(connections.engine, name, clock=connections.clock)
        job = submit_job(connections, projects[name], 1)
        finish(connections, spool, {0: flat()}, **farm.settings(), provenance_rules=rules)
        assert statuses(connections, job) == ["done"]

    for name, files in (("film", film), ("ada", farm)):
        document = read_credentials(output_of(connections, projects[name]), "image/png", files.authority)
        assert document["validation_state"] == "Trusted", name
    others = read_credentials(output_of(connections, projects["film"]), "image/png", farm.authority)
    assert others["validation_state"] == "Valid", "of film, which the farm's authority does not vouch for"
    told = {name: output_of(connections, projects[name]) for name in ("tests", "news")}
    assert [b"c2pa" in data for data in told.values()] == [False, False]
    assert [GENERATED.encode() in data for data in told.values()] == [False, True]


def test_drafts_say_nothing_where_a_rule_leaves_them_out(
    connections: Connections, make_signing: MakeSigning, spool: Path, tmp_path: Path
) -> None:
    settings = connections.settings.model_copy(
        update=make_signing().settings() | {"provenance_rules": written(tmp_path, others="{drafts: false}")}
    )
    project = create_project(connections.engine, "ada", clock=connections.clock)
    submit_job(connections, project, 1)
    [render] = claim_some(connections)
    checkpoint = spool / "checkpoint.safetensors"
    checkpoint.write_bytes(b"latents")
    drafted = Drafted(render.id, render.attempt, "", str(checkpoint), 1, 4, 1.0, [StepTrace(1.0, 1.0, 1, 0, 1)], 1, 0)

    provenance = ProjectProvenance.open(settings, connections.engine, connections.clock()).of(project)
    files = make_draft_files(
        render,
        drafted,
        FACTS,
        OutputPlugins(None).show_draft(flat(), render.parameters),
        finished_at=connections.clock(),
        provenance=provenance,
    )
    [draft] = [file.data for kind, file in files if kind is ArtifactKind.DRAFT]
    assert b"c2pa" not in draft
    assert GENERATED.encode() not in draft
    assert provenance.signer is not None, "outputs are signed all the same"


def test_a_project_whose_certificate_has_ended_is_refused_and_no_other_one(
    connections: Connections, clock: TestClock, make_signing: MakeSigning, tmp_path: Path
) -> None:
    film, ada = (create_project(connections.engine, name, clock=connections.clock) for name in ("film", "ada"))
    rules = written(tmp_path, film=signed_by(make_signing("film", ends=1)))
    values = make_signing("farm").settings() | {"provenance_rules": rules}
    connections.settings = connections.settings.model_copy(update=values)
    submit_job(connections, film, 1)
    clock.forward(2 * DAY)
    with pytest.raises(InvalidRequest, match=r"signs its outputs and cannot now: the certificate .* ended on"):
        submit_job(connections, film, 1)
    submit_job(connections, ada, 1)


def test_a_worker_that_could_not_sign_for_a_project_does_not_start_and_names_it(
    connections: Connections, make_signing: MakeSigning, tmp_path: Path
) -> None:
    film = make_signing("film")
    rule = f"{{provenance: credentials, certificate_file: {film.certificate}}}"
    settings = connections.settings.model_copy(update={"provenance_rules": written(tmp_path, film=rule)})
    read_rules(settings)  # for a dashboard that is enough
    with pytest.raises(SettingsError, match="FARM_PROVENANCE_RULES: film"):
        ProjectProvenance.open(settings, connections.engine, connections.clock())


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("{provenance: signed}", "rules.yaml:1: film.provenance: .*'source-type'"),
        ("{provenance: credentials}", "rules.yaml:1: film: has no certificate_file"),
        ("{certificate_file: /a.pem}", "needs 'provenance: credentials' beside it"),
        ("{provenance: credentials, key_file: /a.key}", "key_file needs its certificate_file"),
        ("{provenance: credentials, certificate_file: a.pem}", "whole path; seen 'a.pem'"),
        ("{provenence: none}", "film.provenence: unknown key; did you mean 'provenance'"),
        ("{provenance: credentials, certificate_file: 12}", "film.certificate_file: must be the path .* seen 12"),
        ("none", "film: "),
    ],
)
def test_a_faulty_rule_is_told_with_its_line(connections: Connections, tmp_path: Path, rule: str, words: str) -> None:
    values: dict[str, Any] = {"provenance_rules": written(tmp_path, film=rule)}
    with pytest.raises(SettingsError, match=words):
        Connections.open(connections.settings.model_copy(update=values))
