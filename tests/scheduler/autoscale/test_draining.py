"""Which workers are asked to end."""

from dataclasses import replace

from scheduler.autoscale.draining import WorkerLoad, choose_to_drain, may_be_asked


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


def test_who_falls_silent_is_lost_before_anybody_else() -> None:
    workers = [WorkerLoad("loads", ready=False), WorkerLoad("silent", leased=4, busy_until=900.0, silent=True)]
    assert choose_to_drain(workers, 1, 100.0) == ["silent"]


def test_nobody_is_asked_while_one_of_its_host_has_not_beaten_since_it_came() -> None:
    before, since = WorkerLoad("before", heartbeat_at=10.0), WorkerLoad("since", started_at=12.0, heartbeat_at=12.0)
    assert not may_be_asked(since, [before, since])
    assert may_be_asked(before, [before, since])
    assert may_be_asked(since, [replace(before, heartbeat_at=13.0), since])
    assert may_be_asked(since, [replace(before, host="another"), since])
