"""Rows of docs/faults.md on the servers of a farm."""

from collections.abc import Sequence

from tests.faults.fault import Fault

#: In the order of what is hit: storage, database, Redis.
SERVER_FAULTS: Sequence[Fault] = (
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
        "scheduler/maintenance/test_remove_old_jobs.py::test_rows_stay_while_the_files_cannot_be_removed",
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
        "the next pass of `remove_old_jobs` goes on",
        "scheduler/maintenance/test_remove_old_jobs.py::test_a_crash_between_files_and_rows_or_between_chunks_is_made_good",
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
)
