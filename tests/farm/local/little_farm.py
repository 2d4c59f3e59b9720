"""A farm with a `sleep` in the place of its own processes: `python little_farm.py DATA_FOLDER`.

It prints one line of JSON when it runs, and runs until a signal comes.
"""

import json
import os
import sys
from pathlib import Path

from farm.local.program import Program, Tier
from farm.local.stack import LocalStack
from farm.settings import Settings


def sleeper(stack: LocalStack) -> list[Program]:
    """In the place of the scheduler, the workers and the dashboard."""
    command = (sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)")
    return [Program("sleeper", command, {"PATH": os.defpath}, stack.settings.data_dir, tier=Tier.FARM)]


def main() -> None:
    try:
        with LocalStack(Settings(data_dir=Path(sys.argv[1]), dashboard_port=0), programs=sleeper) as stack:
            print(json.dumps({name: stack.pid(name) for name in stack.names()}), flush=True)
            stack.wait()
    except KeyboardInterrupt:
        print("stopped", flush=True)


if __name__ == "__main__":
    main()
