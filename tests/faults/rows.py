"""The rows of docs/faults.md: each fault, the test that makes it happen, and what the test holds the farm to.

    python -m tests.faults.rows

writes the page; a test sees that page and rows agree, and that every test that a row names is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "faults.md"

HEAD = """# Faults

What happens when something breaks. Every row has a test that breaks it, with the real server, process or file, and
looks afterwards: **lost** is work that was accepted and is not there any more, **doubled** is work that counts or is
stored twice. Both columns are empty because the tests fail otherwise. The page is written by
`python -m tests.faults.rows`; [healing.md](healing.md) says who mends what.

Beside the rows there is chaos: everything is killed at random while several projects submit, on two machines with
networks of their own too, whose wires are cut for 2 to 40 seconds; two schedulers, dashboards and scorers, four
workers, PostgreSQL:

    python -m tests.end_to_end.chaos --seconds 1800 --two-machines

Half an hour of it on 2026-11-30 (seed 29, two cores on which up to thirty processes waited for their turn): 183
kills, 11 cuts; 110 jobs with 358 renders, all done, once, with the bytes that their rows say, and each known to who had
submitted it. 353 tries of the submitting clients got no answer; of 21 jobs only a later try heard that they were there.
141 leases were lost, 89 attempts were handed back, 71 were blamed on their renders, almost all for an engine that fell
with its fork server; 45 orphans were found by gc, and none after it. Nothing is to be remarked. In an earlier run two
jobs were done of which their clients did not know that they were accepted: a gateway of the machine's own network
answered with 404 while the wire was cut, and a client that is refused gives up, whatever became of its tries before.
What is said to a machine that is cut off does not leave that way any more.

| fault | lost | doubled | what people see | how it heals | test |
| --- | --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Fault:
    """A row of the page. `test`: 'path/below/tests.py::name'."""

    what: str
    seen: str
    heals: str
    test: str

    @property
    def path(self) -> Path:
        return ROOT / "tests" / self.test.partition("::")[0]

    @property
    def name(self) -> str:
        return self.test.partition("::")[2]


#: In the order of what is hit: storage, database, Redis, workers, schedulers, clocks, disks, what people send.
FAULTS: Sequence[Fault] = (
    Fault(
        "the storage is away for long while a worker stores",
        "the pages and `farm why` say that the worker can store nothing, since when and why",
        "outputs wait on its disk and go up when it is back; nothing is rendered again",
        "faults/test_storage_faults.py::test_outputs_wait_on_disk_while_the_storage_is_away_and_go_up_later",
    ),
    Fault(
        "the storage is away for longer than `FARM_STORE_WAIT_SECONDS`",
        "the render is pending again, with the reason",
        "another worker, or this one, renders it; nobody is blamed",
        "faults/test_storage_faults.py::test_after_the_wait_renders_go_back_unblamed",
    ),
    Fault(
        "the storage takes connections and then says nothing, and they are cut at last",
        "the pages say that it does not answer",
        "the upload is made again",
        "faults/test_storage_faults.py::test_a_storage_that_falls_silent_and_is_cut_gets_the_upload_again",
    ),
    Fault(
        "the storage is slow",
        "nothing; the worker claims no more than three batches ahead of it",
        "by itself",
        "faults/test_storage_faults.py::test_a_slow_storage_gets_everything_once",
    ),
    Fault(
        "the storage's disk is full",
        "the pages and `farm why` say that the worker can store nothing, in the storage's words",
        "outputs wait on the worker's disk and go up when there is room; nothing is rendered again",
        "faults/test_storage_faults.py::test_outputs_wait_while_the_storages_disk_is_full_and_go_up_when_there_is_room",
    ),
    Fault(
        "the storage stores a file, and its answer is lost",
        "nothing",
        "the same bytes are stored again under the same key",
        "faults/test_storage_faults.py::test_an_answer_of_the_storage_that_is_lost_stores_nothing_twice",
    ),
    Fault(
        "the storage is away while old jobs are removed",
        "their rows stay a while longer",
        "the next pass goes on",
        "scheduler/maintenance/test_apply_retention.py::test_rows_stay_while_the_files_cannot_be_removed",
    ),
    Fault(
        "the storage is away while orphans are swept",
        "nothing",
        "the next pass goes on",
        "scheduler/maintenance/test_remove_orphans.py::test_storage_that_is_away_puts_the_sweep_off",
    ),
    Fault(
        "a crash between the removal of files and of rows",
        "a job with fewer renders, for a moment",
        "the next pass of `apply_retention` goes on",
        "scheduler/maintenance/test_apply_retention.py::test_a_crash_between_files_and_rows_or_between_chunks_is_made_good",
    ),
    Fault(
        "a worker dies between an upload and its settle",
        "nothing",
        "the render is rendered again; the files are orphans, and `remove_orphans` or `farm gc` removes them",
        "scheduler/maintenance/test_remove_orphans.py::test_what_a_lost_attempt_left_behind_goes_and_what_counts_stays",
    ),
    Fault(
        "gc runs beside workers, zombies, cancels and deletions",
        "nothing",
        "it needs no healing: what is needed stays",
        "scheduler/maintenance/test_collect_garbage.py::"
        "test_no_history_makes_gc_remove_what_is_needed_or_leave_what_nobody_knows",
    ),
    Fault(
        "the database's connection is cut at any answer within a settle, its commit's too",
        "nothing",
        "the settle is repeated; one that had counted is accepted again and changes nothing",
        "faults/test_database_faults.py::test_a_connection_cut_at_any_answer_of_a_settle_settles_once",
    ),
    Fault(
        "the database's connection is cut at any answer within a claim",
        "a render that nobody renders until its lease has run out",
        "it is reaped, and claimed again",
        "faults/test_database_faults.py::test_a_connection_cut_at_any_answer_of_a_claim_loses_no_render",
    ),
    Fault(
        "the connection is cut at any answer within a submission, and the client sends it again",
        "an error, or nothing where the client tries again by itself",
        "the same `Idempotency-Key` gives the same job",
        "faults/test_database_faults.py::test_a_submission_cut_at_any_answer_and_sent_again_is_one_job",
    ),
    Fault(
        "the database crashes, or is restarted, in the middle of a batch",
        "requests that are tried again, or answers of 503",
        "each process connects again; what was in a transaction is done again",
        "end_to_end/test_database_restart.py::test_a_database_that_restarts_in_mid_batch_loses_nothing_and_ends_nobody",
    ),
    Fault(
        "a pooler mixes sessions between transactions",
        "nothing",
        "nothing lives longer in a session than a transaction",
        "scheduler/test_pooler.py::test_many_workers_claim_and_settle_each_render_once",
    ),
    Fault(
        "a settlement is repeated",
        "nothing",
        "it is accepted, and changes nothing",
        "scheduler/leases/test_settle.py::test_a_repeated_settlement_is_accepted_and_changes_nothing",
    ),
    Fault(
        "a machine is lost in the middle of a transaction (PostgreSQL)",
        "the renders that it was claiming wait for a minute and a quarter more",
        "supervisors, also those that wait, end the session; its locks go with it",
        "scheduler/leases/test_abandoned_transactions.py::test_renders_that_a_lost_worker_had_locked_can_be_claimed",
    ),
    Fault(
        "Redis is wiped with work pending",
        "progress of what runs begins anew",
        "workers poll SQL; `replace_lost_rings` rings again",
        "end_to_end/test_crashes.py::test_wiping_redis_with_work_pending_loses_nothing",
    ),
    Fault(
        "Redis is killed in the middle of a batch",
        "no live progress until it is back",
        "workers poll SQL",
        "end_to_end/test_crashes.py::test_kill_9_of_redis_in_mid_batch_loses_nothing",
    ),
    Fault(
        "Redis fails over to its replica; the old one answers READONLY",
        "no live progress for a moment",
        "rings and steps are heard again",
        "end_to_end/test_failover.py::"
        "test_a_failover_of_redis_ends_nobody_loses_nothing_and_rings_and_steps_are_heard_again",
    ),
    Fault(
        "Redis is frozen",
        "no live progress",
        "nobody waits for it; it is asked again until it answers",
        "farm/test_frozen_redis.py::test_once_lost_nobody_waits_for_it_until_it_is_found_again",
    ),
    Fault(
        "Redis refuses: full memory, a disk that it cannot write to, or commands that are ended with an error",
        "the log names the refusal",
        "workers poll SQL, and hear rings again when it takes them",
        "farm/test_broker_refusals.py::"
        "test_a_worker_outlives_a_redis_that_refuses_and_hears_rings_when_it_does_not_any_more",
    ),
    Fault(
        "Redis freezes while a worker drains",
        "nothing",
        "the worker ends all the same",
        "farm/test_broker_refusals.py::test_a_worker_drains_while_redis_is_frozen",
    ),
    Fault(
        "a worker is killed in the middle of a batch",
        "its renders wait again after `FARM_LEASE_SECONDS`",
        "they are reaped; another worker goes on from the last checkpoint",
        "end_to_end/test_crashes.py::test_kill_9_of_a_worker_in_mid_batch_loses_nothing_and_doubles_nothing",
    ),
    Fault(
        "an engine is killed",
        "the workers page counts a restart",
        "its worker starts another; who was in a pass is blamed once",
        "end_to_end/test_crashes.py::test_a_killed_engine_is_seen_and_started_again_and_its_renders_come_out",
    ),
    Fault(
        "a zombie: a worker that lost its lease wakes up and settles",
        "nothing",
        "its word is void, by the attempt",
        "scheduler/leases/test_settle.py::test_a_settlement_for_an_old_attempt_is_void",
    ),
    Fault(
        "a zombie saves a checkpoint of a render that was taken from it",
        "nothing",
        "it is void",
        "workers/agent/test_checkpoint_uploader.py::test_what_a_worker_saves_of_a_render_that_was_taken_from_it_is_void",
    ),
    Fault(
        "a render kills whoever renders it",
        "it fails, with the reason, after `FARM_MAX_FAILURES`",
        "it renders in half the batch, then alone, then fails; neighbours are not blamed",
        "scheduler/leases/test_poison_renders.py::"
        "test_what_was_lost_with_a_third_worker_renders_in_half_the_batch_then_alone_then_fails",
    ),
    Fault(
        "SIGTERM in the middle of a render",
        "nothing",
        "what was not finished goes back, unblamed",
        "end_to_end/test_crashes.py::test_sigterm_hands_back_what_was_not_finished_and_blames_nobody",
    ),
    Fault(
        "the scheduler that acts is killed",
        "nothing",
        "another one acts when its lease has run out",
        "scheduler/test_scheduler_process.py::test_another_scheduler_takes_over_when_the_one_that_acts_is_killed",
    ),
    Fault(
        "everything is killed at random for five minutes, under load",
        "requests that are tried again",
        "as above",
        "end_to_end/test_chaos.py::test_five_minutes_of_chaos_lose_nothing_and_double_nothing",
    ),
    Fault(
        "a machine is cut from all others for longer than a lease, in the middle of a batch",
        "its workers are silent, and the dashboard on it is away",
        "another machine renders what it held; what it says of that when it is back is void, and it goes on working",
        "end_to_end/test_cut_off.py::"
        "test_what_a_machine_held_that_is_cut_off_is_rendered_by_the_other_and_its_word_is_void_afterwards",
    ),
    Fault(
        "the clocks of workers are off, or jump",
        "the workers page says by how much",
        "all go by the database's clock",
        "end_to_end/test_clocks.py::test_workers_whose_clocks_are_off_or_jump_lose_nothing",
    ),
    Fault(
        "the database's clock is set",
        "nothing",
        "who seems dead is watched before he is given up",
        "scheduler/test_many_clocks.py::"
        "test_when_the_databases_clock_is_set_the_living_keep_theirs_and_the_dead_are_found",
    ),
    Fault(
        "a machine sleeps, or a whole farm is stopped and goes on",
        "nothing",
        "who lives keeps what it holds",
        "scheduler/test_many_clocks.py::test_when_all_of_a_machine_slept_or_was_stopped_nothing_is_lost",
    ),
    Fault(
        "the disk is full while a backup is written",
        "a sentence that says so",
        "nothing of it stays; the farm does not notice",
        "farm/backup/test_damaged_backup.py::test_on_a_full_disk_no_half_backup_stays",
    ),
    Fault(
        "a dashboard's disk is full while a picture, clip or adapter is sent",
        "503, and that there is no room at the moment",
        "nothing of it stays; it is sent again later",
        "dashboard/test_full_disks.py::test_an_upload_for_which_a_dashboard_has_no_room_is_refused_for_the_moment",
    ),
    Fault(
        "the database's disk is full (SQLite) while a job is submitted",
        "503; pages and the API read on",
        "nothing of it stays; sent again with the same `Idempotency-Key` it is one job",
        "dashboard/test_full_disks.py::"
        "test_a_submission_for_which_the_database_has_no_room_is_refused_whole_and_sent_again_is_one_job",
    ),
    Fault(
        "the database's disk is full (PostgreSQL) for a submission, a claim, a settle",
        "503; pages and the API read on",
        "nothing of what is refused stays; the submission is sent again, the claim asked again, the settle repeated",
        "faults/test_full_database_disk.py::"
        "test_what_a_full_disk_of_the_database_refuses_leaves_nothing_of_it_and_is_done_once_when_there_is_room",
    ),
    Fault(
        "the database's disk is full in the middle of a batch, until PostgreSQL cannot write its log and falls",
        "503",
        "free some space, and start it if nobody does: `farm up` does by itself; all go on from there",
        "end_to_end/test_full_database_disk.py::"
        "test_a_farm_whose_database_has_no_room_says_so_and_goes_on_when_there_is",
    ),
    Fault(
        "a worker's disk is full",
        "the workers page says so, and what to do",
        "its renders go back, unblamed; it claims nothing for half a minute, then tries again",
        "workers/agent/test_worker.py::test_a_full_disk_blames_nobody_is_told_and_holds_up_the_claims_until_it_is_tried_again",
    ),
    Fault(
        "the disk fills up while a model is fetched",
        "a sentence that says so, before anything large is fetched where that can be known",
        "free some space; the fetch goes on",
        "workers/model_files/test_hub_download.py::test_a_disk_that_fills_up_meanwhile_is_explained",
    ),
    Fault(
        "a backup is damaged, cut off, or of a newer farm",
        "a sentence that says what",
        "nothing is written; take another one",
        "farm/backup/test_damaged_backup.py::test_a_damaged_or_newer_backup_is_refused_in_words_and_nothing_of_it_stays",
    ),
    Fault(
        "a receiver of webhooks fails, or never answers",
        "the log of deliveries says so",
        "it is told again, ever later, under the same id",
        "scheduler/webhooks/test_deliver_webhooks.py::"
        "test_a_receiver_that_fails_first_gets_the_same_event_again_ever_later",
    ),
)


def page() -> str:
    """The whole page."""
    rows = (f"| {row.what} | | | {row.seen} | {row.heals} | `{row.name}` |\n" for row in FAULTS)
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
