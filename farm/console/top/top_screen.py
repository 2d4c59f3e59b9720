"""The screen of `farm top`: three tables that follow a farm, until `q`."""

from __future__ import annotations

import threading

import httpx
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets import DataTable, Footer, Static

from farm.client import FarmClient, StepProgress
from farm.console.output import clean
from farm.console.tables import STYLES
from farm.console.top.farm_overview import HEADINGS, Overview, read_overview
from farm.errors import FarmError

#: Seconds between two reads at least, and between two looks at what is new.
PAUSE_SECONDS = 0.5


class TopScreen(App[None]):
    """Pools, workers and the jobs under way. The live stream says when to read again; else every `seconds`."""

    CSS = """
    Static { height: 1; padding: 0 1; }
    #status { background: $primary; }
    DataTable { height: auto; max-height: 30%; }
    #queue { height: 1fr; max-height: 100%; }
    """
    BINDINGS = [Binding("q", "quit", "Quit"), Binding("r", "read", "Read now")]  # noqa: RUF012  textual's own form
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, farm: FarmClient, seconds: float = 2.0) -> None:
        super().__init__()
        self._farm = farm
        self._seconds = seconds
        self._overview: Overview | None = None
        self._steps: dict[str, StepProgress] = {}
        self._trouble = ""  # why the farm does not answer
        self._shown: object = None
        self._wanted = threading.Event()  # that the farm is read again
        self._over = threading.Event()

    def compose(self) -> ComposeResult:
        """A line of state, and a table below its name for each part of a farm."""
        yield Static(f"Asking {self._farm.url} …", id="status", markup=False)
        for name in HEADINGS:
            yield Static(name.capitalize(), markup=False)
            yield DataTable(id=name, cursor_type="row", zebra_stripes=True)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to read, and to listen."""
        for name, headings in HEADINGS.items():
            self.query_one(f"#{name}", DataTable).add_columns(*headings)
        self.set_interval(PAUSE_SECONDS, self._show)
        # No threads that the end of the program waits for: a stream that says nothing cannot be left at once.
        for follow in (self._read_again_and_again, self._listen):
            threading.Thread(target=follow, daemon=True).start()

    def on_unmount(self) -> None:
        """Read and listen no more."""
        self._over.set()
        self._wanted.set()

    def action_read(self) -> None:
        """Read the farm again, now."""
        self._wanted.set()

    def _read_again_and_again(self) -> None:
        """When it is wanted, and every so often; while the farm does not answer, what is shown stays."""
        while not self._over.is_set():
            self._wanted.clear()
            try:
                self._overview = read_overview(self._farm)
                self._trouble = ""
            except FarmError as error:
                self._trouble = str(error)
            except RuntimeError:
                return  # the client was closed: the screen is over
            self._over.wait(PAUSE_SECONDS)
            self._wanted.wait(self._seconds)

    def _listen(self) -> None:
        """Note the steps of renders, and have the farm read when a job has changed."""
        try:
            for event in self._farm.live():
                if self._over.is_set():
                    return
                if isinstance(event, StepProgress):
                    self._steps[event.job_id] = event
                else:
                    self._wanted.set()
        except (FarmError, RuntimeError, httpx.HTTPError):
            return  # the farm is still read every so often

    def _show(self) -> None:
        """Draw what is new since the last time."""
        state = (self._trouble, self._overview, dict(self._steps))
        if state == self._shown:
            return
        self._shown = state
        if self._trouble:
            self._tell(self._trouble, "bold red")
        if self._overview is None:
            return
        if not self._trouble:
            self._tell(f"{self._farm.url}: {self._overview.summary()}")
        for name, rows in self._overview.rows(self._steps).items():
            table = self.query_one(f"#{name}", DataTable)
            place = table.cursor_row
            table.clear()
            table.add_rows([Text(clean(cell).replace("\n", " "), STYLES.get(cell, "")) for cell in row] for row in rows)
            if rows:
                table.move_cursor(row=min(place, len(rows) - 1))

    def _tell(self, text: str, style: str = "") -> None:
        self.query_one("#status", Static).update(Text(clean(text).replace("\n", " "), style))
