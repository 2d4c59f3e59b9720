"""Read every file of a model that is here and compare it with all that is known. Nothing is fetched or changed."""

from pathlib import Path

from sqlalchemy import make_url

from farm.catalog import ModelEntry
from farm.settings import Settings
from workers.model_files.check_files import Checked, check
from workers.model_files.download import fetch
from workers.model_files.first_loads import FirstLoads, differences


def verify(entry: ModelEntry, settings: Settings) -> Checked:
    """What is wrong is in the answer. Raises FetchFailed or BadWeights where the files are not here."""
    fetched = fetch(entry, settings, local_only=True)
    checked = check(fetched, entry.lock)
    if not _there(settings):
        return checked
    known = FirstLoads(settings).known(entry)
    return Checked(checked.sha256, checked.wrong | differences(fetched, known, checked)) if known else checked


def _there(settings: Settings) -> bool:
    """Whether there is a database to ask; whoever asks for a SQLite file that is not there makes one."""
    url = make_url(settings.database_url.get_secret_value())
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()
