"""How dead letters look in a terminal, and as objects for programs."""

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec
from rich.text import Text

from menshen.commands.dead_letters.letters import Letter, Reading
from menshen.commands.records.printing import dead_letter_object, one_line, printable, text_of, utc
from menshen.contract.decoding import MAX_BYTES

MOST_SHOWN, MOST_SHOWN_OF_A_ROW, MOST_SHOWN_OF_A_KEY = 8192, 1000, 40
_WIDTH = 10


def letter_line(letter: Letter) -> Text:
    """Show where it lies, when and why it came there, what it was, and last, to be cut, the detail."""
    record, replayed = letter.record, f"again from {letter.replayed_from}" if letter.replayed_from else ""
    key = "no key" if record.key is None else text_of(record.key)[:MOST_SHOWN_OF_A_KEY]
    where, reason = (f"{letter.place!s:8}", "bold"), (f"{letter.reason:15}", "bold red")
    size = f"{len(record.value or b''):6} B"
    return one_line(
        record.timestamp_ms, where, reason, letter.source, (key, "cyan"), size, (replayed, "yellow"), letter.detail
    )


def letter_object(letter: Letter) -> dict[str, object]:
    """Return everything about a letter."""
    more = {"replayed_from": letter.replayed_from or None, "n_bytes": len(letter.record.value or b"")}
    return {"letter": str(letter.place)} | dead_letter_object(letter.record, None) | more


def counted(by_reason: Mapping[str, int]) -> str:
    """Count letters by reason, the most frequent first."""
    reasons = ", ".join(f"{printable(reason)} {n}" for reason, n in Counter(by_reason).most_common())
    n_letters = sum(by_reason.values())
    return f"{n_letters} dead letter{'' if n_letters == 1 else 's'}" + (f": {reasons}" if reasons else "")


def letter_page(letter: Letter, reading: Reading, why_not: str | None) -> Iterator[Text]:
    """Show everything about a letter, what this release makes of it, and whether it may be sent again."""
    record = letter.record
    now = f"{reading.refusal}: {reading.told}" if reading.refusal else f"would be read: {reading.told}"
    yield _row("letter", str(letter.place))
    yield _row("came", utc(record.timestamp_ms))
    yield _row("reason", letter.reason, "bold red")
    yield _row("detail", letter.detail)
    yield _row("source", letter.source + (f", again from {letter.replayed_from}" if letter.replayed_from else ""))
    yield _row("key", "none" if record.key is None else text_of(record.key), "cyan")
    yield from (_row("header", f"{name}: {text_of(value)}") for name, value in letter.headers_before())
    yield _row("now", now, "red" if reading.refusal else "green")
    yield _row("replay", f"no: {why_not}" if why_not else "yes", "red" if why_not else "green")
    yield _row("value", "none" if record.value is None else f"{len(record.value)} bytes")
    yield from (Text(printable(line)) for line in _lines_of(record.value or b""))


def _row(name: str, told: str, style: str = "") -> Text:
    return Text.assemble((f"{name:{_WIDTH}}", "dim"), (printable(told[:MOST_SHOWN_OF_A_ROW]), style))


def _lines_of(value: bytes) -> Iterator[str]:
    """Yield a value line by line: JSON laid out, anything else as it is, and not too much of either."""
    text = text_of(_laid_out(value[: MAX_BYTES + 1]))
    yield from text[:MOST_SHOWN].split("\n") if text else ()
    if len(text) > MOST_SHOWN or len(value) > MAX_BYTES:
        yield "... and more: --json shows all"


def _laid_out(value: bytes) -> bytes:
    if len(value) > MAX_BYTES:
        return value
    try:
        return msgspec.json.format(value, indent=2)
    except (msgspec.MsgspecError, RecursionError):
        return value
