"""A deed and its reply in one transaction: a request that is sent again is answered again, and not done again."""

import hashlib
from collections.abc import Callable
from typing import Annotated, NamedTuple

from fastapi import Header, Response
from pydantic import BaseModel
from sqlalchemy import Connection, insert, select

from menshen.onboard.api.door import Here
from menshen.onboard.api.problems import IDEMPOTENCY_KEY, Refused
from menshen.onboard.desk import clock_ms
from menshen.onboard.sql.tables import replies

REPLAYED = "Idempotency-Replayed"
Key = Annotated[
    str,
    Header(
        alias=IDEMPOTENCY_KEY,
        min_length=1,
        max_length=64,
        pattern="^[!-~]+$",
        description="Names this one deed: sent again with the same key, it is answered again and not done again.",
        examples=["5f1b0c1e-0b7a-4b53-9d0e-0e3f3f3c7a10"],
    ),
]
Deed = Callable[[Connection, int], tuple[int, BaseModel]]
"""What is done in a transaction at a time; it returns the status and the reply. It must be safe to call twice."""


class Reply(NamedTuple):
    """What was answered, now or when it was done."""

    status: int
    body: bytes
    replayed: bool

    def response(self) -> Response:
        """Return it as it goes out."""
        headers = {REPLAYED: "true"} if self.replayed else {}
        return Response(self.body, self.status, headers, "application/json")


async def once(here: Here, key: str, wanted: BaseModel | None, deed: Deed) -> Reply:
    """Do a deed unless it was done before by this caller under this key, and return its reply.

    What was refused has changed nothing and is not kept: it is looked at afresh.

    Raises
    ------
    Refused
        The key stands for another request.
    """
    asked = _fingerprint(here, wanted)

    def work(connection: Connection) -> Reply:
        known = (replies.c.caller == here.caller.name) & (replies.c.idempotency_key == key)
        kept = connection.execute(select(replies).where(known)).one_or_none()
        if kept is not None:
            if kept.request_hash != asked:
                raise Refused("idempotency-key-reused", "the key stands for another request")
            return Reply(kept.status, kept.body, replayed=True)
        now_ms = clock_ms()
        status, told = deed(connection, now_ms)
        reply = Reply(status, told.model_dump_json().encode(), replayed=False)
        row = {"caller": here.caller.name, "idempotency_key": key, "request_hash": asked, "at_ms": now_ms}
        connection.execute(insert(replies).values(**row, status=reply.status, body=reply.body))
        return reply

    return await here.desk.run(work)


def _fingerprint(here: Here, wanted: BaseModel | None) -> bytes:
    told = wanted.model_dump_json() if wanted else ""
    return hashlib.sha256(f"{here.request.method} {here.request.scope['path']}\n{told}".encode()).digest()
