"""Whether a batch waits a moment for more."""

from workers.agent.batch_wait import Patience


def test_nobody_waits_for_a_fuller_batch_unless_more_is_likely() -> None:
    patience = Patience(0.2)
    assert not patience.expects("key", now=0.0)
    # One picture after the other: none of them found another running.
    assert not patience.expects("key", now=1.0)
    # A stream: some joined while others ran.
    patience.arrived("key", now=2.0)
    assert not patience.expects("key", now=2.0)
    patience.arrived("key", now=2.3)
    assert patience.expects("key", now=2.5)
    assert not patience.expects("other", now=2.5)
    # The stream is over; and after a wait in vain, it is not tried again at once.
    assert not patience.expects("key", now=9.0)
    assert patience.expects("key", now=9.0, streaming=True)
    patience.waited_in_vain("key", now=9.2)
    assert not patience.expects("key", now=9.5, streaming=True)
    assert patience.expects("key", now=30.0, streaming=True)
    assert not Patience(0.0).expects("key", now=9.0, streaming=True)
