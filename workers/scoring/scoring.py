"""The process of `farm scorer`: claims what is to be scored, scores it, writes the figures; again and again.

It polls SQL and needs no Redis. Any number may run, on any machines: a claim leases, and is extended while the process
gets on with it. Weights, and torch with them, are loaded with the first output that asks for them.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from farm.connections import Connections
from farm.database import trouble
from farm.errors import NotFound, StorageDown
from farm.plugins import PluginKind, PluginMissing, load_plugin, plugin_version
from farm.sentences import sentence
from scheduler.gallery.scores import MOST_TRIES, ClaimedScore, ScoreResult, claim_scores, release_scores, write_scores
from workers.outputs.encode import Pixels
from workers.outputs.plugins import CannotScore, PluginFailed, score_with
from workers.scoring.score_leases import ScoreLeases, no_end
from workers.scoring.stored_output import Unreadable, read_pixels
from workers.scoring.weights import NoWeights

log = structlog.get_logger(__name__)

#: Scores of one claim: few, so that what is written is soon seen, and little is lost with a process.
CLAIMED_AT_ONCE = 16
#: How often is looked when nothing waits, and when database or storage are away.
POLL_SECONDS = 2.0
AWAY_SECONDS = 5.0
#: A claim goes by a clock that was held against the database's so long ago at most.
MEASURED_SECONDS = 10.0


class Scoring:
    """Scores what waits, until told to stop."""

    def __init__(self, connections: Connections, on_stuck: Callable[[], None] = no_end) -> None:
        """`on_stuck` is called in another thread when one output takes longer than any may."""
        self._connections = connections
        self._on_stuck = on_stuck
        self._served: str | None = None  # the project whose turn it was

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; the output that is being scored then is scored to its end, the others are given back."""
        while not stop.is_set():
            try:
                if not self.one_pass(stop):
                    stop.wait(POLL_SECONDS)
            except SQLAlchemyError as error:
                log.warning("database cannot be used; trying again", reason=trouble(error))
                stop.wait(AWAY_SECONDS)
            except StorageDown as error:
                log.warning("outputs cannot be read; trying again", reason=str(error))
                stop.wait(AWAY_SECONDS)

    def one_pass(self, stop: threading.Event | None = None) -> int:
        """Claim and score some of what waits, and write each render's figures when they are there.

        Returns how many were claimed. Raises SQLAlchemyError, StorageDown; what was claimed and not scored is given
        back.
        """
        connections = self._connections
        claimed, self._served = claim_scores(
            connections.engine,
            connections.measured_time(older_than=MEASURED_SECONDS),
            most=CLAIMED_AT_ONCE,
            lease_seconds=connections.settings.lease_seconds,
            after=self._served,
        )
        left: defaultdict[str, list[ClaimedScore]] = defaultdict(list)
        for one in claimed:
            left[one.render_id].append(one)
        done = 0
        try:
            with ScoreLeases(connections, claimed, self._on_stuck) as leases:
                while left and not (stop is not None and stop.is_set()):
                    results = self._score(next(iter(left.values())))
                    write_scores(connections.engine, results, connections.clock())
                    del left[results[0][0].render_id]
                    leases.got_on()
                    done += sum(result.value is not None for _, result in results)
        finally:
            if left:
                release_scores(connections.engine, [one for wanted in left.values() for one in wanted])
        if claimed:
            log.info("scored", done=done, total=len(claimed))
        return len(claimed)

    def _score(self, wanted: Sequence[ClaimedScore]) -> list[tuple[ClaimedScore, ScoreResult]]:
        """All that is asked of one render: its file is read once."""
        first = wanted[0]
        if first.key is None:
            return [(one, ScoreResult(reason=sentence("its output is not kept any more"))) for one in wanted]
        try:
            pixels = read_pixels(self._connections.storage.get(first.key), first.key, clip=first.frames > 1)
        except NotFound:
            return [(one, ScoreResult(reason=sentence("its output is not kept any more"))) for one in wanted]
        except Unreadable as error:
            return [(one, ScoreResult(reason=str(error))) for one in wanted]
        return [(one, _result(one, pixels)) for one in wanted]


def _result(claimed: ClaimedScore, pixels: Pixels) -> ScoreResult:
    if claimed.tries > MOST_TRIES:
        told = sentence("the process that scored it ended %(count)s times before it was done", count=MOST_TRIES)
        return ScoreResult(reason=told)
    try:
        value = score_with(claimed.scorer, pixels, claimed.parameters)
        return ScoreResult(value, made_by(claimed.scorer))
    except (CannotScore, PluginFailed, PluginMissing) as error:
        return ScoreResult(reason=str(error.__cause__ if isinstance(error.__cause__, NoWeights) else error))


def made_by(scorer: str) -> str:
    """The package of a scorer and its version, and the hash of its weights, where it has some. Raises PluginMissing."""
    weights = getattr(load_plugin(PluginKind.SCORER, scorer), "weights_sha256", None)
    package = plugin_version(PluginKind.SCORER, scorer)
    return package if weights is None else f"{package}, weights {weights[:16]}"
