"""What the runbook tells an operator to type does what it says, and its tables leave nothing out."""

import re
import subprocess

import redis
from tests.docs.pages import section

from menshen.contract.dead_letter import RejectReason
from menshen.detect.partition import Partition
from menshen.shell.embedded.servers import EmbeddedValkey
from menshen.shell.redis.store import Marks, Store
from menshen.shell.settings import DetectSettings, read_settings
from menshen.shell.signing import new_key_pair

PAGE = "docs/runbook.md"


def typed(command: str, **variables: str) -> list[str]:
    """Return the words of a command as a shell hands them on."""
    shown = ["bash", "-euc", command.replace("redis-cli", r"printf '%s\n'", 1)]
    return subprocess.run(shown, env=variables, capture_output=True, text=True, check=True).stdout.splitlines()


async def test_a_gap_that_is_accepted_by_hand_is_where_the_next_owner_begins() -> None:
    (command,) = re.findall(r"redis-cli HSET .*", section(PAGE, "## DEGRADED"))
    with EmbeddedValkey() as valkey, redis.Redis.from_url(valkey.url) as by_hand:
        given = {
            "MENSHEN_REDIS_URL": valkey.url,
            "MENSHEN_PEPPER": "of this test and no other",
            "MENSHEN_SIGNING_KEY": new_key_pair()[0],
        }
        store = Store(read_settings(DetectSettings, given))
        by_hand.execute_command(*typed(command, TENANT="default", P="3", N="41"))
        claim = await store.claim(3)
        assert claim.marks == Marks(40, 0, 0)
        assert Partition(3, claim).position == 41
        await store.close()


def test_every_reason_of_a_dead_letter_has_a_row_and_no_other() -> None:
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|", section(PAGE, "## Dead letters grow"), re.MULTILINE)
    named = [reason for row in rows for reason in re.findall(r"\w+", row)]
    assert sorted(named) == sorted(RejectReason)
