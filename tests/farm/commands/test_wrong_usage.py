"""What somebody reads who mistypes: what was meant, and nothing is taken in silence."""

import json

import pytest
from typer.testing import CliRunner

from farm.cli import build_app

SUBMIT = ("submit", "sana-demo", "a red circle", "--dry-run")


def refused(*arguments: str) -> str:
    """Runs the command, which must refuse; the words on stderr, in one line."""
    told = CliRunner().invoke(build_app(), list(arguments), env={"COLUMNS": "300", "FARM_URL": "", "FARM_KEY": ""})
    assert (told.exit_code, told.stdout) == (2, "")
    return told.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*SUBMIT, "--steps", "4", "--steps", "5"], "--sweep num_inference_steps=VALUE,VALUE"),
        ([*SUBMIT, "--title", "a", "--title", "b"], "'--title': is given 2 times and takes one value."),
        (["pause", "job"], "Missing argument"),
        ([*SUBMIT, "--sweep", "guidnce_scale=1,2"], "did you mean 'guidance_scale'?"),
        ([*SUBMIT, "--sweep", "steps=4,5"], "did you mean 'num_inference_steps'?"),
        (["hlep"], "Did you mean 'farm --help', or 'farm COMMAND --help'?"),
        (["help"], "Did you mean 'farm --help', or 'farm COMMAND --help'?"),
        (["jbos"], "Did you mean 'jobs'"),
        (["pause", "jbo"], "Did you mean 'job'?"),
        (["jobs", "--status", "opn"], "Invalid value for '--status': 'opn' is not one of"),
        ([*SUBMIT, "--steps", "four"], "Invalid value for '--steps': must be a valid integer"),
    ],
)
def test_it_is_refused_with_a_hint(arguments: list[str], said: str) -> None:
    words = refused(*arguments)
    assert said in words
    assert "Value error" not in words


def test_with_json_wrong_usage_is_a_problem_document_as_well() -> None:
    document = json.loads(refused("jobs", "--json", "--status", "opn"))
    assert (document["type"], document["exit_code"]) == ("/problems/wrong-usage", 2)
    assert document["detail"].startswith("Invalid value for '--status': 'opn' is not one of 'admitting', 'open'")


def test_what_may_be_given_again_still_may() -> None:
    told = CliRunner().invoke(build_app(), [*SUBMIT, "--seed", "1", "--seed", "2", "--json", "--json"])
    assert "times" not in told.stderr
