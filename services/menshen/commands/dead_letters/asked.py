"""How dead letters are named on the command line: by their place, or by how long ago they came."""

import re
import time
from typing import Any

import click

from menshen.commands.dead_letters.letters import Place
from menshen.contract.dead_letter import RejectReason

_PLACE = re.compile(r"([0-9]{1,6})/([0-9]{1,18})", re.ASCII)
_SPAN = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class PlaceType(click.ParamType):
    """`3/1042`: partition and offset in the dead letters' topic, as `menshen dlq list` prints them."""

    name = "partition/offset"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        """Read a place."""
        if isinstance(value, Place):
            return value
        if not (read := _PLACE.fullmatch(value)):
            self.fail(f"{value!r} is no place: PARTITION/OFFSET, such as 3/1042", param, ctx)
        return Place(int(read[1]), int(read[2]))


class SinceType(click.ParamType):
    """`90s`, `30m`, `1h`, `7d`: the time so long ago, in milliseconds."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a span, and go back by it from now."""
        if isinstance(value, int):
            return value
        if not (read := _SPAN.fullmatch(value)):
            self.fail(f"{value!r} is no span of time: a number and s, m, h or d, such as 1h", param, ctx)
        return max(1, time.time_ns() // 1_000_000 - int(read[1]) * _UNITS_MS[read[2]])


REASON = click.option("--reason", type=click.Choice([*RejectReason]), help="Only those with this reason.")
SINCE = click.option(
    "--since", "since_ms", type=SinceType(), default=0, help="Only those that came since so long ago: 90s, 30m, 1h, 7d."
)
BOOTSTRAP_SERVERS = click.option("--bootstrap-servers", help="Instead of MENSHEN_KAFKA_BOOTSTRAP_SERVERS.")
