"""A folder without a lock is held to what it was when a worker loaded it first: a flipped byte is not loaded.

What was loaded first is in SQL, so that the copies of all machines are held to the same. Whoever changes a folder with
intent says so (`farm models accept`), or locks it in the catalog.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from farm.catalog import ModelEntry
from farm.catalog.source import LockedFile
from farm.clock import Clock, system_clock
from farm.database import make_engine, read, write
from farm.settings import Settings
from scheduler.fleet.model_folders import KnownFolder, keep_folder, read_folder, replace_folder
from workers.model_files.check_files import Checked, against, check
from workers.model_files.download import fetch
from workers.model_files.download_result import Fetched, FetchFailed
from workers.model_files.installed_packages import release
from workers.model_files.weights import BadWeights, check_whole

_PACKAGE = "package:"


class FirstLoads:
    """What the farm's database says of folders. Connects only to ask, and lets go at once."""

    def __init__(self, settings: Settings, clock: Clock = system_clock) -> None:
        self._settings = settings
        self._clock = clock

    def check(self, entry: ModelEntry, fetched: Fetched, checked: Checked) -> None:
        """Raise BadWeights for a folder that is not as it was loaded first, FetchFailed if nobody can say."""
        known = self.known(entry)
        if known is not None and (wrong := differences(fetched, known, checked)):
            raise BadWeights(
                f"{'; '.join(wrong.values())}. Put the folder back as it was, or, if the change is meant, say so with "
                f"`farm models accept {entry.name}`"
            )

    def keep(self, entry: ModelEntry, fetched: Fetched, checked: Checked) -> None:
        """Remember a folder that has just been loaded. Raises as `check` does: another may have been first."""
        folder = held_folder(entry)
        if folder is None:
            return
        with _asked(self._settings) as engine, write(engine) as connection:
            now, host = self._clock(), _host()
            keep_folder(connection, folder, locked_files(fetched, checked), model=entry.name, host=host, now=now)
        self.check(entry, fetched, checked)

    def known(self, entry: ModelEntry) -> KnownFolder | None:
        """What is known of the model's folder, if anything. Raises FetchFailed."""
        folder = held_folder(entry)
        if folder is None:
            return None
        with _asked(self._settings) as engine, read(engine) as connection:
            return read_folder(connection, folder)

    def accept(self, entry: ModelEntry) -> dict[str, str]:
        """Hold workers to the folder as it is here now; what is not as it was, by path.

        Raises FetchFailed and BadWeights: a damaged file is never accepted.
        """
        folder = held_folder(entry)
        if folder is None:
            locked = "its files are held to the catalog's lock: `farm models lock`"
            raise FetchFailed(locked if entry.lock else "only a model in a folder is held to its first load")
        fetched = fetch(entry, self._settings)
        check_whole(fetched.folder / path for path in fetched.weights)
        checked, known = check(fetched), self.known(entry)
        with _asked(self._settings) as engine, write(engine) as connection:
            now, host = self._clock(), _host()
            replace_folder(connection, folder, locked_files(fetched, checked), model=entry.name, host=host, now=now)
        return differences(fetched, known, checked) if known else {}


def held_folder(entry: ModelEntry) -> str | None:
    """How the folder of a model is known; None where a lock, the Hub or a bucket's record says what its files are.

    A folder in a package is another one in each version of it, and so is one with another `revision` in the catalog.
    """
    source = entry.source
    if entry.lock or source.path is None or source.bucket() is not None:
        return None
    package = source.path.removeprefix(_PACKAGE).partition("/")[0] if source.path.startswith(_PACKAGE) else None
    version = release(package) if package else None
    marks = {"version": version, "revision": source.revision, "variant": source.variant, **source.single_file}
    return source.path + "".join(f"#{name}={value}" for name, value in marks.items() if value is not None)


def locked_files(fetched: Fetched, checked: Checked) -> list[LockedFile]:
    """Path, size and sha256 of each file that loading reads."""
    return [
        LockedFile(path=path, size=(fetched.folder / path).stat().st_size, sha256=sha256)
        for path, sha256 in sorted(checked.sha256.items())
    ]


def differences(fetched: Fetched, known: KnownFolder, checked: Checked) -> dict[str, str]:
    """What is not as it was loaded first: by path, a sentence for each file."""
    day = datetime.fromtimestamp(known.at, UTC).strftime("%Y-%m-%d %H:%M")
    return against(fetched, known.files, checked.sha256, f"its first load ({known.host}, {day} UTC)")


def _host() -> str:
    return socket.gethostname()[:200]


@contextmanager
def _asked(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(settings, connections=1)
    try:
        yield engine
    except SQLAlchemyError as error:
        raise FetchFailed(
            "the farm's database cannot say whether the folder is as it was loaded first "
            f"({type(error).__name__}); check FARM_DATABASE_URL, and `farm db upgrade`"
        ) from error
    finally:
        engine.dispose()
