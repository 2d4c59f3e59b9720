"""A job template as `openjd-model` reads it: decoded, its job parameters filled, its one step found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from farm.errors import FarmError
from farm.openjd.parameters import field_of

#: Lists and mappings in each other; a template has about ten.
MAX_DEPTH = 100


class OpenJdNotInstalled(FarmError):
    """Templates are read by openjd-model; install it with: pip install 'latent-farm[openjd]'."""

    type = "openjd-not-installed"
    title = "Templates of OpenJD cannot be read here"
    status = 422


class NotATemplate(FarmError):
    """The file is no job template of OpenJD that the farm can render; correct it and submit it again."""

    type = "not-a-template"
    title = "This template cannot be rendered"
    status = 422


@dataclass(frozen=True)
class Template:
    """What a template says, with the names and texts of its job parameters."""

    name: str
    parameters: Mapping[str, str]
    space: Any  # openjd.model.StepParameterSpace, or None: one task
    commands: tuple[str, ...]  # what it would run on a farm that runs commands


def read_template(text: str, folder: Path, given: Mapping[str, str]) -> Template:
    """The template of a file.

    Args:
        text: YAML or JSON.
        folder: where the file is; defaults of PATH parameters are below it.
        given: values for job parameters by the fields that they are, before the template's own defaults.

    Raises:
        OpenJdNotInstalled: without the extra `openjd`.
        NotATemplate: not one, a parameter without a value, or more than one step.
    """
    try:
        from openjd import model
    except ImportError:
        raise OpenJdNotInstalled from None
    _check_depth(text)
    try:
        document = model.document_string_to_object(document=text, document_type=model.DocumentType.YAML)
        template = model.decode_job_template(template=document)
        known_names = [(each.name, field_of(each.name) or "") for each in template.parameterDefinitions or ()]
        values = model.preprocess_job_parameters(
            job_template=template,
            job_parameter_values={name: given[known] for name, known in known_names if known in given},
            job_template_dir=folder,
            current_working_dir=folder,
        )
        job = model.create_job(job_template=template, job_parameter_values=values)
    except (ValueError, model.CompatibilityError) as error:
        raise NotATemplate(f"This is no template of OpenJD that can be read:\n{error}") from None
    except RecursionError:
        raise NotATemplate("A list or mapping of it lies in itself (an alias, *, inside its own anchor, &).") from None
    if len(job.steps) > 1:
        names = ", ".join(step.name for step in job.steps)
        raise NotATemplate(f"Its steps ({names}) would be a job each; make a template of each.")
    [step] = job.steps
    return Template(
        job.name,
        {name: str(value.value) for name, value in values.items()},
        step.parameterSpace,
        (str(step.script.actions.onRun.command),),
    )


def _check_depth(text: str) -> None:
    """Before it is read as a whole: libyaml ends the process where the stack does. Raises NotATemplate."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise NotATemplate(f"More than {MAX_DEPTH} of its lists and mappings lie in each other.")
    except yaml.YAMLError:
        return  # what is wrong with it, its own reader says
