"""A deed is done once, however often and from how many sides it is asked for; on each kind of database."""

import json
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, select, text
from tests.integration.api.customer import HERE, LIMIT, SIGNED, Customer, kind_of, told
from tests.integration.api.office import Answer, Api, Office, silence
from tests.servers.onboard import wait_until
from tests.servers.standins import Standins

from menshen.onboard.desk import clock_ms
from menshen.onboard.sql.outbox import forget
from menshen.onboard.sql.tables import history, outbox, questions, replies

N_THREADS = 20


def all_at_once(deeds: list[Callable[[], Answer]]) -> list[Answer]:
    with ThreadPoolExecutor(len(deeds)) as pool:
        return [call.result() for call in [pool.submit(deed) for deed in deeds]]


def statuses(answers: list[Answer]) -> dict[int, int]:
    return dict(Counter(answer.status for answer in answers))


@pytest.fixture
def customer(either_office: Office, standins: Standins) -> Customer:
    return Customer(either_office, standins)


def test_the_same_deed_is_answered_again_and_not_done_again(either_office: Office, customer: Customer) -> None:
    either_office.rule = silence
    customer.applies()
    path = f"{customer.path}/steps/eligibility"
    first = customer.api.post(path, HERE, once="k-1")
    again = customer.api.post(path, dict(reversed(HERE.items())), once="k-1")
    assert (first.status, again.status, again.body) == (202, 202, first.body)
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert len(told(customer.api.get(f"{customer.path}/history"))["changes"]) == 1


def test_a_deed_that_is_sent_again_with_patience_is_answered_with_what_came_of_it(customer: Customer) -> None:
    customer.applies()
    path = f"{customer.path}/steps/eligibility"
    assert told(customer.api.post(path, HERE, once="k-1"))["state"] == "asked"
    again = customer.api.post(f"{path}?wait_ms=10000", HERE, once="k-1")
    assert (again.body["state"], again.headers["idempotency-replayed"]) == ("open", "true")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("steps/eligibility", HERE | {"device_id": "dev-2"}),
        ("steps/agreement", SIGNED),
        ("refusal", {"kind": "credit"}),
    ],
)
def test_a_key_stands_for_one_request(customer: Customer, path: str, body: object) -> None:
    customer.applies()
    told(customer.api.post(f"{customer.path}/steps/eligibility", HERE, once="k-1"))
    other = customer.api.post(f"{customer.path}/{path}", body, once="k-1")
    assert (other.status, kind_of(other)) == (422, "idempotency-key-reused")


def test_a_key_is_one_callers_own(either_office: Office, customer: Customer) -> None:
    customer.applies()
    told(customer.api.post(f"{customer.path}/steps/eligibility", HERE, once="k-1"))
    other = either_office.person("service", "another-app")
    reply = other.post(f"{customer.path}/steps/eligibility", HERE, once="k-1")
    assert "idempotency-replayed" not in reply.headers


def test_what_was_refused_is_looked_at_afresh(customer: Customer) -> None:
    customer.applies()
    path = f"{customer.path}/steps/agreement"
    assert kind_of(customer.api.post(path, SIGNED, once="k-1")) == "not-yet"
    customer.asks("eligibility", HERE)
    assert told(customer.api.post(path, SIGNED, once="k-1"))["state"] == "proving"


def test_a_deed_whose_reply_was_lost_is_not_done_twice(either_office: Office, customer: Customer) -> None:
    customer.comes_to("limit_activation")
    body = LIMIT | {"draw_id": "d-1", "payee_ref": "p-1", "amount": "1.00"}
    raw, path = json.dumps(body).encode(), f"{customer.path}/draws"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {customer.api.key}\r\nIdempotency-Key: k-1\r\n"
    with socket.create_connection(either_office.address) as line:  # and hang up without having read a word
        line.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw)
        wait_until(lambda: told(customer.api.get(customer.path))["draws"])
    again = customer.api.post(path, body, once="k-1")
    assert (told(again)["attempt"], again.headers["idempotency-replayed"]) == (1, "true")
    assert [draw["attempt"] for draw in told(customer.api.get(customer.path))["draws"]] == [1]


def test_of_twenty_who_open_one_application_one_does(either_office: Office, customer: Customer) -> None:
    answers = all_at_once([customer.applies] * N_THREADS)
    assert statuses(answers) == {201: 1, 200: N_THREADS - 1}


def test_of_twenty_who_advance_one_does(either_office: Office, customer: Customer) -> None:
    either_office.rule = silence
    customer.applies()
    path = f"{customer.path}/steps/eligibility"
    answers = all_at_once([lambda: customer.api.post(path, HERE)] * N_THREADS)
    assert statuses(answers) == {202: 1, 409: N_THREADS - 1}
    assert {kind_of(answer) for answer in answers if answer.status == 409} == {"not-now"}
    assert n_questions(either_office) == 1


def test_twenty_times_the_same_deed_is_one(either_office: Office, customer: Customer) -> None:
    either_office.rule = silence
    customer.applies()
    path = f"{customer.path}/steps/eligibility"
    answers = all_at_once([lambda: customer.api.post(path, HERE, once="k-1")] * N_THREADS)
    assert statuses(answers) == {202: N_THREADS}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert n_questions(either_office) == 1


def test_two_processes_on_one_database_do_it_once_too(
    either_office: Office, tenant: str, standins: Standins, customer: Customer
) -> None:
    either_office.rule = silence
    with Office(either_office.database_url, tenant, standins, silence) as second:
        apis = [either_office.api(), second.api()] * (N_THREADS // 2)
        named = {"application_id": customer.application_id, "subject_id": customer.subject_id, "product_id": "p"}
        opened = all_at_once([lambda api=api: api.post("/v1/applications", named) for api in apis])
        assert statuses(opened) == {201: 1, 200: N_THREADS - 1}
        path = f"{customer.path}/steps/eligibility"
        shared = either_office.api().key
        same = all_at_once([lambda api=api: Api(api.address, shared).post(path, HERE, once="k") for api in apis])
        assert statuses(same) == {202: N_THREADS}
        assert sum("idempotency-replayed" not in answer.headers for answer in same) == 1
        other = all_at_once([lambda api=api: api.post(path, HERE) for api in apis])
        assert statuses(other) == {409: N_THREADS}
    assert n_questions(either_office) == 1


def test_twenty_draws_at_once_stay_within_the_line(either_office: Office, customer: Customer) -> None:
    customer.comes_to("limit_activation")
    answers = all_at_once([lambda n=n: customer.draws(f"d-{n}") for n in range(N_THREADS)])
    assert statuses(answers) == {202: 4, 409: N_THREADS - 4}
    draws = told(customer.api.get(customer.path))["draws"]
    assert len(draws) == 4
    assert {draw["amount"] for draw in draws} == {"5000.00"}


def test_a_reply_that_cannot_be_kept_undoes_the_deed_and_tells_nothing_of_the_inside(
    office: Office, standins: Standins
) -> None:
    customer = Customer(office, standins)
    customer.applies()
    full = "CREATE TRIGGER full BEFORE INSERT ON replies BEGIN SELECT RAISE(ABORT, 'no more replies'); END"
    office.desk.database.run(lambda c: c.execute(text(full)))
    reply = customer.api.post(f"{customer.path}/steps/eligibility", HERE)
    assert (reply.status, kind_of(reply), reply.body["detail"]) == (500, "internal", "it is in the log")
    assert told(customer.api.get(f"{customer.path}/history"))["changes"] == []


def test_replies_of_long_ago_are_forgotten(either_office: Office, customer: Customer) -> None:
    customer.applies()
    database = either_office.desk.database
    database.run(lambda c: forget(c, clock_ms() - 86_400_000))
    assert len(database.read(lambda c: c.execute(select(replies)).all())) == 1
    database.run(lambda c: forget(c, clock_ms() + 1))
    assert database.read(lambda c: c.execute(select(replies)).all()) == []


def n_questions(office: Office) -> int:
    def count(connection: Connection) -> tuple[int, int, int]:
        asked = connection.execute(select(questions)).all()
        events = connection.execute(select(outbox).where(outbox.c.kind == "event")).all()
        changes = connection.execute(select(history)).all()
        first = [change for change in changes if change.number == 1]
        return len(asked), len(events), len(first)

    n_asked, n_events, n_first = office.desk.database.read(count)
    assert (n_events, n_first) == (n_asked, 1)
    return n_asked
