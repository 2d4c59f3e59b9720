"""What every system is asked to do, and what is noted of it. Times are seconds; bare loops run before and after."""

import io
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from tests.benchmarks.peers.bare import Bare
from tests.benchmarks.peers.pictures import Picture, equal, mixed
from tests.benchmarks.peers.systems.system import System
from tests.benchmarks.report import quantile

#: Without a picture for so long, what is missing is lost. Celery's own memory of a killed worker is 30 s.
PATIENCE_SECONDS = 60.0
#: Until the first picture; on a busy machine Ray takes a minute.
_START_SECONDS = 300.0
#: Requests that a bulk client of a server without a queue keeps open beside urgent ones.
_PATIENT_CLIENT = 16


@dataclass
class Course:
    """One system's turn of one round: figures by their names, as ratios to bare diffusers where they are times."""

    system: System
    bare: Bare
    figures: dict[str, float] = field(default_factory=dict)

    def cold_start(self) -> None:
        """From the command to the first stored picture, in seconds: compared with others of the same run alone."""
        [first] = equal(1)
        began = time.time()
        self.system.start()
        while not self.system.ready():
            if time.time() - began > _START_SECONDS:
                raise TimeoutError(f"{self.system.name} did not start")
            time.sleep(0.05)
        self.system.submit([first])
        done = self._wait([first], _START_SECONDS)
        if not done:
            raise TimeoutError(f"{self.system.name} made no first picture: {self.system.failed}")
        self.figures["cold start, s"] = done[first["id"]] - began

    def equal(self, count: int) -> None:
        """Pictures a second of equal ones that are all asked for at once; and whether they are those of diffusers."""
        pictures = equal(count)
        self.figures["equal"] = self._rate(pictures, self.bare.equal_rate)
        sample = [pictures[0], pictures[count // 2], pictures[-1]]
        theirs = self.bare.files(sample)
        differences = [_difference(self.system.stored(it["id"]), theirs[it["id"]]) for it in sample]
        self.figures["pixels differ by"] = float(max(differences))

    def mixed(self, count: int) -> None:
        """Pictures a second of three shapes, three numbers of steps, guidance on or off and two samplers."""
        self.figures["mixed"] = self._rate(mixed(count), self.bare.mixed_rate)

    def urgent(self, bulk_count: int, urgent_count: int) -> None:
        """Urgent pictures of another user at random times beside bulk: until stored, in bare calls; and work kept."""
        bulk, urgent = equal(bulk_count), equal(urgent_count)
        before, call = self.bare.equal_rate(), self.bare.call_seconds()
        span = 0.75 * bulk_count / (before * self.figures["equal"])
        dice = random.Random(9)
        arrivals = sorted(dice.uniform(0.1, 1.0) * span for _ in urgent)
        began = self.system.submit(bulk, at_once=_PATIENT_CLIENT)
        asked: dict[str, float] = {}
        for picture, arrival in zip(urgent, arrivals, strict=True):
            time.sleep(max(0.0, began + arrival - time.time()))
            asked[picture["id"]] = self.system.submit([picture], user="another", urgent=True)
        done = self._wait([*bulk, *urgent])
        call = (call + self.bare.call_seconds()) / 2
        waited = [(done[name] - at) / call for name, at in asked.items()]
        self.figures["urgent, median of bare calls"] = statistics.median(waited)
        self.figures["urgent, p95 of bare calls"] = quantile(waited, 0.95)
        rate = len(done) / (max(done.values()) - began) / ((before + self.bare.equal_rate()) / 2)
        self.figures["urgent, work kept"] = rate / self.figures["equal"]

    def second_user(self, first_count: int, second_count: int) -> None:
        """A user's few pictures, asked for a second after another one's many: their mean place among those finished."""
        many, few = equal(first_count), equal(second_count)
        self.system.submit(many)
        time.sleep(1.0)
        asked = self.system.submit(few, user="another")
        done = self._wait([*many, *few])
        order = sorted((at, name) for name, at in done.items() if at >= asked)
        mine = {picture["id"] for picture in few}
        places = [place for place, (_, name) in enumerate(order, start=1) if name in mine]
        self.figures["second user's mean place"] = statistics.mean(places)

    def killed(self, count: int) -> None:
        """kill -9 of the process that renders, in the middle: what never comes, and what comes twice."""
        pictures = equal(count)
        ids = [picture["id"] for picture in pictures]
        self.system.submit(pictures)
        while len(self.system.finished(ids)) < count // 8:
            time.sleep(0.02)
        self.system.kill_renderer()
        done = self._wait(pictures)
        self.figures["lost by kill -9"] = float(count - len(done))
        self.figures["doubled by kill -9"] = float(self.system.doubled(done))
        self.system.failed.clear()

    def _rate(self, pictures: Sequence[Picture], bare_rate: Callable[[], float]) -> float:
        before = bare_rate()
        began = self.system.submit(pictures)
        done = self._wait(pictures)
        if len(done) < len(pictures):
            raise RuntimeError(f"{self.system.name} made {len(done)} of {len(pictures)}: {self.system.failed}")
        return len(done) / (max(done.values()) - began) / ((before + bare_rate()) / 2)

    def _wait(self, pictures: Sequence[Picture], patience: float = PATIENCE_SECONDS) -> dict[str, float]:
        """When each was stored, once all are, or have failed, or none has come for `patience` seconds."""
        ids = [picture["id"] for picture in pictures]
        known, since = 0, time.monotonic()
        while True:
            done = self.system.finished(ids)
            if len(done) + sum(name not in done for name in self.system.failed if name in ids) >= len(ids):
                return done
            if len(done) > known:
                known, since = len(done), time.monotonic()
            if time.monotonic() - since > patience:
                return done
            time.sleep(0.05)


def _difference(one: bytes, other: bytes) -> int:
    """By how much the worst pixel differs, of 255."""
    pixels = [np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(int) for file in (one, other)]
    return int(abs(pixels[0] - pixels[1]).max())
