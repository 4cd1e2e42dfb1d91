"""The queue's promises, on every database that is there: nothing accepted is lost, nothing is done twice."""

import threading
from collections import Counter

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from attune.errors import AttuneError
from attune.server.config import Limits
from attune.server.jobs.queue import Full, Lost, New, Queue
from attune.server.jobs.tables import CANCELLED, COMPLETED, FAILED, IN_PROGRESS, QUEUED, metadata

LEASE = 10.0


class Clock:
    def __init__(self):
        self.now = 1_000_000

    def __call__(self):
        self.now += 1
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queue(database, clock):
    queue = Queue(database, clock=clock)
    yield queue
    queue.close()


def job(n=1, owner="ada", **more):
    return New("attune", owner, {}, [{"type": "text", "text": f"{i}"} for i in range(n)], **more)


def state(queue, number):
    return queue.get(number)[0]["state"]


def test_the_migrations_make_the_tables_that_the_code_knows(queue):
    with queue.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_database_is_taken_to_the_newest_tables_once(database, queue):
    number = queue.submit(job())
    again = Queue(database)
    assert again.get(number) is not None
    again.close()


def test_jobs_are_leased_in_the_order_they_came_and_to_one_worker_only(queue):
    first, second = queue.submit(job()), queue.submit(job())
    assert [queue.lease("a", LEASE).id, queue.lease("b", LEASE).id, queue.lease("c", LEASE)] == [first, second, None]


def test_a_job_ends_once_all_its_parts_are_measured(queue):
    number = queue.submit(job(2))
    lease = queue.lease("a", LEASE)
    for part in queue.unfinished(number):
        queue.begin(lease, part["n"])
        queue.end_part(lease, part["n"], predictions=3)
    queue.end(lease)
    found, parts = queue.get(number)
    assert found["state"] == COMPLETED and [p["predictions"] for p in parts] == [3, 3]
    assert [e["event"] for e in queue.history(number)] == ["accepted", "measured", "measured", "completed"]


def test_a_job_whose_worker_fell_silent_goes_on_at_its_first_unfinished_part(queue, clock):
    number = queue.submit(job(3))
    dead = queue.lease("dead", LEASE)
    queue.begin(dead, 0)
    queue.end_part(dead, 0)
    queue.begin(dead, 1)
    clock.now += round(LEASE * 1000) + 1
    lease = queue.lease("next", LEASE)
    assert lease.id == number and [p["n"] for p in queue.unfinished(number)] == [1, 2]
    assert queue.begin(lease, 1) == 1                        # begun once before, without an end


def test_a_worker_that_lost_its_lease_can_write_nothing_more(queue, clock):
    number = queue.submit(job())
    late = queue.lease("late", LEASE)
    clock.now += round(LEASE * 1000) + 1
    lease = queue.lease("next", LEASE)
    for write in (lambda: queue.end_part(late, 0), lambda: queue.end(late), lambda: queue.renew(late, LEASE), lambda: queue.give_back(late)):
        with pytest.raises(Lost):
            write()
    queue.end_part(lease, 0)
    queue.end(lease)
    assert Counter(e["event"] for e in queue.history(number)) == {"accepted": 1, "measured": 1, "completed": 1}


def test_a_part_that_is_done_stays_as_it_is(queue):
    number = queue.submit(job())
    lease = queue.lease("a", LEASE)
    queue.end_part(lease, 0, predictions=2)
    queue.end_part(lease, 0, predictions=9)
    assert queue.get(number)[1][0]["predictions"] == 2


def test_a_renewed_lease_is_not_taken(queue, clock):
    queue.submit(job())
    lease = queue.lease("a", LEASE)
    clock.now += 9000
    assert queue.renew(lease, LEASE, step="face", done=0.5) is False
    clock.now += 9000
    assert queue.lease("b", LEASE) is None
    assert (queue.get(lease.id)[0]["step"], queue.get(lease.id)[0]["done"]) == ("face", 0.5)


def test_jobs_of_a_dead_worker_are_taken_at_once(queue):
    number = queue.submit(job())
    queue.lease("dead", LEASE)
    assert queue.workers() == ["dead"] and queue.take_from("dead") == 1
    assert queue.lease("b", LEASE).id == number


def test_a_job_laid_down_in_order_is_not_held_against_its_part(queue):
    queue.submit(job())
    lease = queue.lease("a", LEASE)
    queue.begin(lease, 0)
    queue.give_back(lease)
    assert state(queue, lease.id) == QUEUED
    assert queue.begin(queue.lease("b", LEASE), 0) == 0


def test_many_workers_at_once_share_the_jobs_without_taking_one_twice(database, queue):
    numbers = {queue.submit(job()) for _ in range(30)}
    taken, lock = [], threading.Lock()

    def work(name):
        own = Queue(database)
        while (lease := own.lease(name, 60)) is not None:
            own.end(lease)
            with lock:
                taken.append(lease.id)
        own.close()

    threads = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(taken) == 30 and set(taken) == numbers and queue.counts() == {COMPLETED: 30}


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_is_told(queue):
    waiting, running = queue.submit(job()), None
    assert queue.cancel(waiting, "ada") and state(queue, waiting) == CANCELLED
    running = queue.submit(job())
    lease = queue.lease("a", LEASE)
    assert queue.cancel(running, "ada") and state(queue, running) == IN_PROGRESS
    assert queue.renew(lease, LEASE) is True
    queue.end(lease, CANCELLED)
    assert not queue.cancel(running, "ada")


def test_jobs_of_others_can_be_neither_seen_nor_cancelled_nor_forgotten(queue):
    number = queue.submit(job(owner="ada"))
    assert queue.get(number, "bo") is None and not queue.cancel(number, "bo") and queue.listed("bo") == []
    queue.end(queue.lease("a", LEASE))
    assert not queue.forget(number, "bo") and queue.forget(number, "ada")


def test_the_same_name_given_twice_makes_one_job(queue):
    assert queue.submit(job(again="x")) == queue.submit(job(again="x")) != queue.submit(job(again="x", owner="bo"))


def test_a_full_queue_takes_no_more_and_says_whose(queue):
    limits = Limits(queued=3, queued_per_key=2)
    queue.submit(job(), limits)
    queue.submit(job(), limits)
    with pytest.raises(Full, match="2 of your jobs wait already") as full:
        queue.submit(job(), limits)
    assert full.value.whose == "owner"
    queue.submit(job(owner="bo"), limits)
    with pytest.raises(Full, match="3 jobs wait already") as full:
        queue.submit(job(owner="cy"), limits)
    assert full.value.whose == "everybody"
    queue.end(queue.lease("a", LEASE))
    queue.submit(job(owner="cy"), limits)


def test_jobs_are_listed_by_owner_state_and_time(queue, clock):
    numbers = [queue.submit(job()) for _ in range(4)]
    queue.end(queue.lease("a", LEASE), FAILED, "no")
    middle = queue.get(numbers[2])[0]["created"]

    def ids(**how):
        return [found["id"] for found, _ in queue.listed("ada", **how)]

    assert ids() == numbers[::-1] and ids(ascending=True, limit=2) == numbers[:2]
    assert ids(states=[FAILED]) == numbers[:1] and ids(states=[QUEUED, FAILED]) == numbers[::-1]
    assert ids(before=middle) == [numbers[1], numbers[0]] and ids(after=middle) == [numbers[3], numbers[2]]
    assert ids(by="ended", limit=1) == numbers[:1]


def test_an_ended_job_is_forgotten_after_its_time_and_its_audit_stays(queue, clock):
    number = queue.submit(job())
    queue.end(queue.lease("a", LEASE), retention=5)
    assert queue.expired() == []
    clock.now += 6000
    assert queue.expired() == [number] and queue.forget(number)
    assert queue.get(number) is None and [e["event"] for e in queue.history(number)][-1] == "forgotten"


def test_a_callback_is_due_once_the_job_has_ended_and_is_tried_again_later(queue, clock):
    number = queue.submit(job(callback="http://127.0.0.1/done"))
    assert queue.next_callback(60) is None
    queue.end(queue.lease("a", LEASE))
    assert queue.next_callback(60)["id"] == number and queue.next_callback(60) is None
    clock.now += 61_000
    assert queue.next_callback(60)["callback_tries"] == 1
    queue.called_back(number, "sent")
    clock.now += 61_000
    assert queue.next_callback(60) is None


def test_an_unknown_kind_of_database_is_refused_in_a_sentence():
    with pytest.raises(AttuneError, match="expected sqlite"):
        Queue("mysql://x/y")
