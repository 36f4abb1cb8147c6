"""What callers may send: nothing of it ends in a 500, and what is wrong is named without being repeated."""

import json
from http.client import HTTPConnection

import pytest
from tests.integration.api.customer import HERE, LIMIT, SIGNED, kind_of
from tests.integration.api.office import Api, Office

from menshen.onboard.api.door import LARGEST_BODY_BYTES

NEW = {"application_id": "a-1", "subject_id": "s-1", "product_id": "p"}
DRAW = LIMIT | {"draw_id": "d-1", "payee_ref": "p-1", "amount": "1.00"}


@pytest.fixture
def api(module_office: Office) -> Api:
    return module_office.api()


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"nul",
        b'{"application_id": "a", "application_id": "b"}',
        b'{"amount": NaN}',
        b'{"amount": -Infinity}',
        b"[" * 30_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"amount": ' + b"9" * 5_000 + b"}",
        b"\x00",
    ],
    ids=repr,
)
def test_a_body_that_is_no_plain_json_is_malformed(api: Api, raw: bytes) -> None:
    reply = api.post("/v1/applications", raw)
    assert (reply.status, kind_of(reply)) == (400, "malformed")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"application_id": ""}, "application_id"),
        ({"application_id": "a/b"}, "application_id"),
        ({"application_id": ".."}, "application_id"),
        ({"application_id": "a b"}, "application_id"),
        ({"application_id": "a\n"}, "application_id"),
        ({"application_id": "a\x00"}, "application_id"),
        ({"application_id": "ａ"}, "application_id"),
        ({"application_id": "\ud800"}, "application_id"),
        ({"application_id": "a" * 65}, "application_id"),
        ({"application_id": 1}, "application_id"),
        ({"application_id": None}, "application_id"),
        ({"application_id": ["a"]}, "application_id"),
        ({"subject_id": True}, "subject_id"),
        ({"subject_id": 1e400}, "subject_id"),
        ({"more": 1}, "more"),
        ({"m\u202e\ud800": 1}, "body"),
        ({"x" * 1000: 1}, "x" * 64),
    ],
    ids=repr,
)
def test_a_field_that_does_not_fit_is_named(api: Api, changes: dict[str, object], field: str) -> None:
    raw = json.dumps(NEW | changes).replace("Infinity", "1e400").encode()
    reply = api.post("/v1/applications", raw)
    assert (reply.status, kind_of(reply)) == (422, "invalid")
    assert [error["field"] for error in reply.body["errors"]] == [field]


@pytest.mark.parametrize("raw", [b"[]", b"null", b"1", b'"text"', b"true"])
def test_a_body_that_is_no_object_does_not_fit(api: Api, raw: bytes) -> None:
    reply = api.post("/v1/applications", raw)
    assert (reply.status, kind_of(reply)) == (422, "invalid")


@pytest.mark.parametrize("amount", ["0.00", "-1.00", "1", "1.0", "1.000", "01.00", "1e3", "1,00", "١.٠٠", 1, 1.5, ""])
def test_money_is_text_with_two_places_above_nothing(api: Api, amount: object) -> None:
    for path, body in (("steps/limit_activation", LIMIT), ("draws", DRAW)):
        reply = api.post(f"/v1/applications/a-1/{path}", body | {"amount": amount})
        assert [error["field"] for error in reply.body["errors"]] == ["amount"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("steps/eligibility", HERE | {"assurance": "person "}),
        ("steps/eligibility", HERE | {"amount": "1.00"}),
        ("steps/agreement", HERE),
        ("steps/agreement", SIGNED | {"signature_sha256": "0A" * 32}),
        ("steps/limit_activation", LIMIT | {"currency": "cny"}),
        ("refusal", {"kind": "mood"}),
        ("appeal", {"step": "fund_transfer"}),
        ("appeal", {"step": "agreement", "draw_id": "d-1"}),
        ("appeal", {"step": "elsewhere"}),
        ("appeal", {}),
    ],
)
def test_a_step_takes_what_belongs_to_it_and_nothing_else(api: Api, path: str, body: object) -> None:
    reply = api.post(f"/v1/applications/a-1/{path}", body)
    assert (reply.status, kind_of(reply)) == (422, "invalid")


@pytest.mark.parametrize("note", ["", " \x00", "a\nb", "x" * 501, "\ud800"])
def test_a_note_is_plain_text_of_some_length(module_office: Office, note: str) -> None:
    reply = module_office.api("analyst").post("/v1/reviews/r-1/votes", {"decision": "allow", "note": note})
    assert [error["field"] for error in reply.body["errors"]] == ["note"]


@pytest.mark.parametrize(
    "query",
    [
        f"limit={value}"
        for value in ("0", "501", "+1", "1_0", "%201", "1.0", "x", "9" * 5000, "%00", "%FF", "", "1&limit=2")
    ]
    + ["after=-1", "after=2147483648", "more=1"],
)
def test_a_query_is_spelt_plainly_and_once(module_office: Office, query: str) -> None:
    reply = module_office.api("auditor").get(f"/v1/alerts?{query}")
    assert (reply.status, kind_of(reply)) == (422, "invalid")


@pytest.mark.parametrize("query", ["open=yes", "open=1", "open=True", "open=on"])
def test_true_and_false_are_written_so(module_office: Office, query: str) -> None:
    assert module_office.api("auditor").get(f"/v1/reviews?{query}").status == 422


@pytest.mark.parametrize("name", ["%00", "a%20b", "a" * 65, "%FF", "%EF%BD%81", ".a", "a%0A"])
def test_a_name_in_the_path_is_one(api: Api, name: str) -> None:
    reply = api.get(f"/v1/applications/{name}")
    assert (reply.status, kind_of(reply)) == (422, "invalid")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/applications/", "/v1/applications/a/b", "/v1/applications/a%2Fb"])
def test_a_path_that_is_none_is_unknown(api: Api, path: str) -> None:
    reply = api.get(path)
    assert (reply.status, kind_of(reply)) == (404, "unknown")


def test_a_transfer_is_asked_for_by_a_draw_and_no_other_way(api: Api) -> None:
    assert kind_of(api.post("/v1/applications/a-1/steps/fund_transfer", LIMIT)) == "unknown"


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "QUERY"])
def test_another_method_is_answered_with_those_that_there_are(api: Api, verb: str) -> None:
    reply = api.call(verb, "/v1/applications")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    if verb != "HEAD":
        assert kind_of(reply) == "method"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json-seq", ""])
def test_a_body_is_declared_as_json(api: Api, kind: str) -> None:
    reply = api.post("/v1/applications", NEW, Content_Type=kind)
    assert (reply.status, kind_of(reply)) == (415, "media-type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_a_declaration_may_say_more(module_office: Office, kind: str) -> None:
    reply = module_office.api().post("/v1/applications", {**NEW, "application_id": "../"}, Content_Type=kind)
    assert kind_of(reply) == "invalid"


def test_a_body_may_be_so_large_and_no_larger(api: Api) -> None:
    raw = json.dumps(NEW).encode()
    assert kind_of(api.post("/v1/applications", raw.ljust(LARGEST_BODY_BYTES) + b" ")) == "too-large"
    assert kind_of(api.post("/v1/applications", raw.replace(b"a-1", b"/").ljust(LARGEST_BODY_BYTES))) == "invalid"


def test_a_body_of_undeclared_length_is_cut_off_as_well(module_office: Office) -> None:
    connection = HTTPConnection(*module_office.address)
    headers = {"Authorization": f"Bearer {module_office.keys['service']}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/applications", iter([b" " * 30_000] * 3), headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 65])
def test_a_deed_has_a_key_of_visible_ascii(api: Api, key: str) -> None:
    reply = api.post("/v1/applications", NEW, Idempotency_Key=key)
    assert (reply.status, kind_of(reply)) == (400, "idempotency-key")


def test_a_deed_without_a_key_is_not_done(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    reply = api.call("POST", "/v1/applications", json.dumps(NEW).encode(), headers)
    assert (reply.status, kind_of(reply)) == (400, "idempotency-key")
    assert api.get("/v1/applications/a-1").status == 404


def test_nothing_is_cached_on_the_way(api: Api) -> None:
    assert api.get("/v1/applications/a-1").headers["cache-control"] == "no-store"
