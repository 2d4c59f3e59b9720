"""What a graph saves: back from the nodes that write files to the sampler that made them."""

from dataclasses import dataclass

from farm.comfyui.animate import past_the_cut
from farm.comfyui.node_inputs import Reading
from farm.comfyui.vace import past_the_trim
from farm.comfyui.workflow.graph import Node
from farm.sentences import sentence

#: Nodes that write files: the input that they write, and the format that the farm has for it ('': the model's own).
_SAVERS = {
    "SaveVideo": ("video", "mp4"),
    "SaveWEBM": ("images", "mp4"),
    "SaveAnimatedWEBP": ("images", "webp"),
    "SaveAnimatedPNG": ("images", "mp4"),
    "VHS_VideoCombine": ("images", "mp4"),
    "SaveImage": ("images", ""),
    "SaveImageAdvanced": ("images", ""),
}
_PREVIEWS = {"PreviewImage": ("images", "")}
#: How the nodes of `deploy/comfyui` begin.
_FARM_NODES = "LatentFarm"
_DECODERS = frozenset({"VAEDecode", "VAEDecodeTiled"})


@dataclass(frozen=True)
class Saved:
    """A sampler whose result is saved: the node, and how it is stored, as fields of a request."""

    sampler: Node
    fields: dict[str, int | str]


def find_saved(reading: Reading) -> Saved | None:
    """The one sampler whose result the graph saves; None, and faults, if there is none or more than one."""
    savers = [node for node in reading.graph.nodes.values() if node.kind in _SAVERS]
    savers = savers or [node for node in reading.graph.nodes.values() if node.kind in _PREVIEWS]
    if not savers:
        _nothing_saved(reading)
        return None
    found = [saved for saved in (_saved_by(reading, node) for node in savers) if saved is not None]
    samplers = {saved.sampler.id: saved.sampler for saved in found}
    if len(samplers) > 1:
        first, *others = samplers.values()
        reading.report.refuse(
            first, f"is not the only one whose result is saved ({', '.join(map(str, others))}); mute all but one"
        )
        return None
    return found[0] if found else None


def _nothing_saved(reading: Reading) -> None:
    """Name what else the graph runs: the services of others, or nodes that nobody here knows."""
    nodes = list(reading.graph.nodes.values())
    outside = [node for node in nodes if node.kind.endswith("Api")]
    for node in outside or nodes[:1]:
        reading.report.refuse(node, "the service of another firm renders" if outside else "the graph saves no picture")
    if not nodes:
        reading.report.refuse(None, "no node in it runs: all are muted, or notes")


def _saved_by(reading: Reading, saver: Node) -> Saved | None:
    name, stored_as = (_SAVERS | _PREVIEWS)[saver.kind]
    fields: dict[str, int | str] = {"output_format": stored_as} if stored_as else {}
    source = reading.source(saver, name)
    _frame_rate(reading, saver, "frame_rate" if saver.kind == "VHS_VideoCombine" else "fps", fields)
    if source is not None and source[0].kind == "CreateVideo":
        video = source[0]
        _frame_rate(reading, video, "fps", fields)
        if "audio" in video.inputs and reading.source(video, "audio", needed=False):
            reading.report.refuse(video, "the farm's clips have no sound; take the link to its input 'audio' off")
        source = reading.source(video, "images")
    source = past_the_cut(reading, source)
    if source is None:
        return None
    decoder = source[0]
    if decoder.kind not in _DECODERS:
        service = decoder.kind.endswith("Api")
        why = (
            sentence("the service of another firm renders")
            if service
            else sentence("renders on a farm by itself: run the graph in ComfyUI")
            if decoder.kind.startswith(_FARM_NODES)
            else sentence("makes or changes pictures in a way that the farm does not")
        )
        reading.report.refuse(decoder, sentence("%(why)s (saved by %(saver)s)", why=why, saver=str(saver)))
        return None
    sampler = past_the_trim(reading, reading.source(decoder, "samples"))
    if sampler is None:
        return None
    if stored_as == "mp4" and saver.kind not in ("SaveVideo", "VHS_VideoCombine"):
        reading.report.notice(saver, "the farm has no such file; it stores the clip as mp4")
    reading.report.took(saver, ", ".join(f"{key} {value}" for key, value in fields.items()) or "the file")
    return Saved(sampler[0], fields)


def _frame_rate(reading: Reading, node: Node, name: str, fields: dict[str, int | str]) -> None:
    if name not in node.inputs:
        return
    rate = reading.value(node, name, float, "fps")
    if rate is None:
        return
    fields["fps"] = max(1, round(rate))
    if fields["fps"] != rate:
        reading.report.notice(node, f"{rate:g} frames a second become {fields['fps']}; the farm has whole numbers")
