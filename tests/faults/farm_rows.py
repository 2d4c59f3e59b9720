"""Rows of docs/faults.md on the farm's own processes and machines, and on what people send."""

from collections.abc import Sequence

from tests.faults.fault import Fault

#: In the order of what is hit: workers, schedulers, clocks, disks, what people send.
FARM_FAULTS: Sequence[Fault] = (
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
