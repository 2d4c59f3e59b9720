"""`farm`, on a machine whose clock is off: `python -m tests.end_to_end.off_clock SECONDS worker --pool POOL`.

SECONDS are added to what the machine believes the time to be; `jumps` instead: an hour ahead, an hour behind, and so on
every two seconds, drifting meanwhile. Only this process: nothing of the farm knows how to do it.
"""

import itertools
import sys
import time

_real = time.time
_began = time.monotonic()
_jumps = list(itertools.islice(itertools.cycle([3600.0, -3600.0, 40.0]), 3))


def off_by(how: str) -> float:
    """By how much the clock is off now, in seconds."""
    if how != "jumps":
        return float(how)
    passed = time.monotonic() - _began
    return _jumps[int(passed / 2) % 3] + 0.05 * passed


if __name__ == "__main__":
    how = sys.argv.pop(1)
    time.time = lambda: _real() + off_by(how)  # before anything of the farm has taken a hold of it

    import datetime

    import botocore.auth

    _now = botocore.auth.get_current_datetime  # boto3 signs by it
    botocore.auth.get_current_datetime = lambda *given, **how_given: (
        _now(*given, **how_given) + datetime.timedelta(seconds=off_by(how))
    )

    from farm.cli import main

    main()
