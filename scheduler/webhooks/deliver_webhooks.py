"""Duty: what webhooks are to be told is sent, by threads beside the supervisor's own: no receiver holds that up.

A webhook has one thread at most, a project four, and a thread ends with the first attempt that fails: whoever is slow
or away holds back nobody else. An attempt that this process does not live to tell of is made again, by whoever acts
then: every event arrives at least once, under the same webhook-id each time.
"""

import random
import threading
from collections import Counter

import httpx
import structlog
from sqlalchemy.exc import SQLAlchemyError

from farm.clock import steady_clock
from farm.connections import Connections
from farm.database import read, trouble
from scheduler.webhooks.addresses import named_networks
from scheduler.webhooks.deliveries import due_webhooks, hold_next, write_answer
from scheduler.webhooks.sign_and_send import Sender

log = structlog.get_logger(__name__)
_CHANCE = random.SystemRandom()

#: At the same time: in all, and of one project.
MOST_THREADS = 32
MOST_OF_A_PROJECT = 4
#: After so long a thread makes room for another webhook; it has its turn again in the next round.
TURN_SECONDS = 10.0


class DeliverWebhooks:
    """The duty, and which webhooks are being told something."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: dict[str, tuple[str, threading.Thread]] = {}  # by webhook: its project, and who sends
        self._sender: Sender | None = None

    def one_pass(self, connections: Connections, now: float) -> int:
        """Begin to send what is due; returns to how many webhooks. Nothing is waited for."""
        with read(connections.engine) as connection:
            due = due_webhooks(connection, now)
        if not due:
            return 0
        sender = self._sender = self._sender or _new_sender(connections)
        with self._lock:
            chosen = self._choose(due)
            for webhook_id, project_id in chosen:
                thread = threading.Thread(
                    target=self._take_turn, args=(connections, sender, webhook_id), name="webhook", daemon=True
                )
                thread.start()
                self._busy[webhook_id] = (project_id, thread)  # it waits for the lock before it takes itself out
        return len(chosen)

    def join(self) -> None:
        """Wait until all that was begun has ended."""
        with self._lock:
            threads = [thread for _, thread in self._busy.values()]
        for thread in threads:
            thread.join()

    def _choose(self, due: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Whose turn it is: projects with the fewest threads first, and by chance among equals."""
        threads = Counter(project_id for project_id, _ in self._busy.values())
        waiting = [(webhook_id, project_id) for webhook_id, project_id in due if webhook_id not in self._busy]
        _CHANCE.shuffle(waiting)
        chosen: list[tuple[str, str]] = []
        while waiting and len(self._busy) + len(chosen) < MOST_THREADS:
            pair = min(waiting, key=lambda pair: threads[pair[1]])
            if threads[pair[1]] >= MOST_OF_A_PROJECT:
                break
            waiting.remove(pair)
            chosen.append(pair)
            threads[pair[1]] += 1
        return chosen

    def _take_turn(self, connections: Connections, sender: Sender, webhook_id: str) -> None:
        try:
            send_due(connections, sender, webhook_id)
        except SQLAlchemyError as error:
            log.warning("duty put off", duty="deliver_webhooks", reason=trouble(error))
        except Exception:
            log.exception("duty failed", duty="deliver_webhooks")
        finally:
            with self._lock:
                self._busy.pop(webhook_id, None)


def send_due(connections: Connections, sender: Sender, webhook_id: str) -> None:
    """Send what is due of a webhook, the oldest first, until an attempt fails or its turn is over."""
    begun = connections.steady()
    while connections.steady() - begun < TURN_SECONDS:
        held = hold_next(connections.engine, webhook_id, connections.clock())
        if held is None:
            return
        answer = sender.send(held.message, connections.clock())
        ended = write_answer(connections.engine, held, answer, connections.clock(), _CHANCE.random())
        if not answer.accepted:
            log.warning(
                "webhook delivery given up" if ended else "webhook delivery failed",
                webhook_id=webhook_id,
                delivery_id=held.id,
                attempts=held.attempts,
                reason=answer.error,
            )
            return


def _new_sender(connections: Connections) -> Sender:
    settings = connections.settings
    trust = httpx.create_ssl_context()
    if settings.webhook_ca_file is not None:
        trust.load_verify_locations(settings.webhook_ca_file)
    return Sender(named_networks(settings.webhook_networks), trust, steady_clock)
