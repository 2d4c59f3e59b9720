"""Prompts, the negative prompt and the title."""

from farm.catalog.schema import ModelEntry
from farm.errors import Fault
from farm.params.checks.collector import Checked, Notice, noticed, refused
from farm.params.request.submission import shown
from farm.params.request.templates import Filled, Templates
from farm.params.request.text import length_fault, text_fault, tokens_at_most
from farm.sentences import sentence


def check_prompts(filled: list[Filled], templates: Templates, entry: ModelEntry) -> Checked[list[Filled]]:
    """The filled prompts, with every choice of their wildcards; of each field the first fault or notice."""
    limit = entry.limits.prompt_chars
    said: dict[str, Fault | Notice] = {}
    for prompt in filled:
        if said and prompt.field in said:
            continue
        chars = templates.longest_chars(prompt) if templates.wild else prompt.chars
        text = templates.longest(prompt.text) if templates.wild and chars <= limit else prompt.text
        if fault := length_fault(chars, limit) or text_fault(text, limit):
            if templates.change(prompt):
                fault = sentence("%(fault)s (filled: %(text)s)", fault=fault, text=shown(text))
            said[prompt.field] = Fault(prompt.field, fault)
        elif tokens_at_most(text) > entry.max_sequence_length:
            told = sentence(
                "%(model)s reads the first %(tokens)s tokens; the end of this prompt (%(chars)s characters) may be cut "
                "off",
                model=entry.name, tokens=entry.max_sequence_length, chars=len(text),
            )  # fmt: skip
            said[prompt.field] = Notice(prompt.field, told)
    return filled, tuple(said.values())


def check_negative_prompt(given: str | None, guidance: float, entry: ModelEntry) -> Checked[str]:
    """The negative prompt; one that is given but can have no effect is said so."""
    if given is None:
        return entry.defaults.get("negative_prompt", ""), ()
    if fault := text_fault(given, entry.limits.prompt_chars, may_be_empty=True):
        return refused(given, "negative_prompt", fault)
    if given.strip() and guidance <= 1:
        return noticed(given, "negative_prompt", sentence("has no effect at guidance_scale 1; take more than 1"))
    return given, ()


def check_title(given: str | None) -> Checked[str | None]:
    """The job's title, which is stored beside the prompts."""
    if given is not None and (fault := text_fault(given, 300, may_be_empty=True)):
        return refused(given, "title", fault)
    return given, ()
