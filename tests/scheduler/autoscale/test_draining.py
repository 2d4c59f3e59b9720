"""Which workers are asked to end."""

from scheduler.autoscale.draining import WorkerLoad, choose_to_drain


class TestDraining:
    def test_the_cheapest_to_lose_goes_first(self) -> None:
        workers = [
            WorkerLoad("clip", leased=1, busy_until=500.0, clip=True),
            WorkerLoad("nearly", leased=4, busy_until=108.0),
            WorkerLoad("old", started_at=1.0),
            WorkerLoad("young", started_at=9.0),
            WorkerLoad("loads", started_at=5.0, ready=False),
            WorkerLoad("batch", leased=4, busy_until=300.0),
        ]
        assert choose_to_drain(workers, 9, 100.0) == ["loads", "young", "old", "nearly"]
        assert choose_to_drain(workers, 2, 100.0) == ["loads", "young"]
        assert choose_to_drain(workers, 9, 100.0, must=True)[4:] == ["batch", "clip"]
        assert choose_to_drain(workers, -1, 100.0) == []
