"""Whether a batch waits a moment for more."""

from scheduler.batching.batch_wait import BatchWait


def test_nobody_waits_for_a_fuller_batch_unless_more_is_likely() -> None:
    batch_wait = BatchWait(0.2)
    assert not batch_wait.expects("key", now=0.0)
    # One picture after the other: none of them found another running.
    assert not batch_wait.expects("key", now=1.0)
    # A stream: some joined while others ran.
    batch_wait.arrived("key", now=2.0)
    assert not batch_wait.expects("key", now=2.0)
    batch_wait.arrived("key", now=2.3)
    assert batch_wait.expects("key", now=2.5)
    assert not batch_wait.expects("other", now=2.5)
    # The stream is over; and after a wait in vain, it is not tried again at once.
    assert not batch_wait.expects("key", now=9.0)
    assert batch_wait.expects("key", now=9.0, streaming=True)
    batch_wait.cool_down("key", now=9.2)
    assert not batch_wait.expects("key", now=9.5, streaming=True)
    assert batch_wait.expects("key", now=30.0, streaming=True)
    assert not BatchWait(0.0).expects("key", now=9.0, streaming=True)
