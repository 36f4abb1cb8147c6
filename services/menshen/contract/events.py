"""The events that producers send: one envelope, nine families, told apart by `type`.

Numbers are bounded here, in one place, so that nothing behind the decoder meets a value that no customer could cause.
A family ignores fields that it does not know (a newer producer), except `Keystroke`: see there.

A family has no families below it. So code that meets every event asks `type(event) is Login`: `isinstance` takes five
times as long to say no.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct, json

END = r"$(?!\n)"
"""The end of a text in a pattern: Python's `$` alone also matches before a line break at the end."""

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=rf"^[!-~]+{END}")]
"""An opaque identifier: 1 to 64 visible ASCII characters. Pseudonyms only, never a name, phone or identity number."""

EnvelopeId = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema=json.schema(Id))]
"""The same, whose characters `decode_event` looks at: a pattern for each would be half of all that decoding costs."""

Millis = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""Milliseconds since 1970. A client's clock may be years off: that is judged, not refused."""

Word = Annotated[str, Meta(max_length=64)]
Ip = Annotated[str, Meta(min_length=2, max_length=45, pattern=rf"^[0-9a-fA-F:.]+{END}")]
Money = Annotated[str, Meta(pattern=rf"^[0-9]{{1,12}}\.[0-9]{{2}}{END}", max_length=15)]
"""An amount as decimal text with two places; never a float."""
Currency = Annotated[str, Meta(pattern=rf"^[A-Z]{{3}}{END}")]

Assurance = Literal["claimed", "authenticated", "person"]
"""Who vouches: nobody yet (`claimed`), a completed login (`authenticated`), a proof of the person (`person`)."""

Step = Literal["eligibility", "agreement", "limit_activation", "fund_transfer"]
ChallengeMethod = Literal["otp", "face", "call_back", "bank_card"]

MAX_KEYS = 512
MAX_POINTS = 1024
MAX_SCAN = 64


class Envelope(Struct, frozen=True, kw_only=True, gc=False, tag_field="type", omit_defaults=True):
    """What every event says about itself.

    `occurred_ms` is the client's clock, `received_ms` the trusted producer's. `session_id` groups what belongs to one
    visit, `seq` orders it. `version` is the major version of the family's schema.
    """

    event_id: EnvelopeId
    subject_id: EnvelopeId
    session_id: EnvelopeId
    seq: Annotated[int, Meta(ge=0, le=2**31)]
    occurred_ms: Millis
    received_ms: Millis
    assurance: Assurance
    product_id: EnvelopeId
    version: Literal[1] = 1
    application_id: EnvelopeId | None = None
    device_id: EnvelopeId | None = None


class Login(Envelope, frozen=True, kw_only=True, gc=False, tag="login", omit_defaults=True):
    """An attempt to log in, and how it ended. A decision point: it is answered by a verdict."""

    outcome: Literal["success", "failed"]
    method: Literal["password", "otp", "biometric", "single_sign_on"]
    ip: Ip | None = None


class Device(Envelope, frozen=True, kw_only=True, gc=False, tag="device", omit_defaults=True):
    """What the SDK saw of the device. Absent is None; False is a statement."""

    platform: Literal["android", "ios", "web", "harmony", "other"]
    model: Word | None = None
    os_version: Word | None = None
    browser: Word | None = None
    gpu: Word | None = None
    screen_width_px: Annotated[int, Meta(ge=0, le=32768)] | None = None
    screen_height_px: Annotated[int, Meta(ge=0, le=32768)] | None = None
    time_zone: Word | None = None
    locale: Word | None = None
    emulator: bool | None = None
    rooted: bool | None = None
    automation: bool | None = None
    remote_control: bool | None = None


class Keystroke(
    Envelope, frozen=True, kw_only=True, gc=False, tag="keystroke", omit_defaults=True, forbid_unknown_fields=True
):
    """One visit to an input field: how long keys were held and how long it took from one to the next.

    There is no place for a key's identity, and unknown fields are refused, so that none slips in: only the class of
    each key (`l` letter, `d` digit, `s` space, `b` backspace, `o` any other). Secret fields (password, PIN, one-time
    code) are not collected.

    `flight_ms[i]` is the time from the release of key i to the press of key i + 1, negative where keys overlap.
    """

    field: Literal["name", "phone", "identity", "address", "amount", "search", "free_text", "other"]
    hold_ms: Annotated[list[Annotated[int, Meta(ge=0, le=60_000)]], Meta(max_length=MAX_KEYS)]
    flight_ms: Annotated[list[Annotated[int, Meta(ge=-60_000, le=3_600_000)]], Meta(max_length=MAX_KEYS)]
    classes: Annotated[str, Meta(max_length=MAX_KEYS, pattern=rf"^[ldsbo]*{END}")]
    input_method: Literal["keyboard", "soft_keyboard", "ime", "voice", "assistive"] | None = None
    pasted: bool = False
    autofilled: bool = False

    def __post_init__(self) -> None:
        n_keys = len(self.hold_ms)
        if len(self.classes) != n_keys or len(self.flight_ms) != max(0, n_keys - 1):
            raise ValueError("needs one class a key and one flight time between two keys")


class Pointer(Envelope, frozen=True, kw_only=True, gc=False, tag="pointer", omit_defaults=True):
    """Swipes or mouse strokes as integer columns; `starts` holds the index at which each stroke begins."""

    kind: Literal["touch", "mouse", "pen"]
    starts: Annotated[list[Annotated[int, Meta(ge=0, lt=MAX_POINTS)]], Meta(max_length=256)]
    t_ms: Annotated[list[Annotated[int, Meta(ge=0, le=86_400_000)]], Meta(max_length=MAX_POINTS)]
    x_px: Annotated[list[Annotated[int, Meta(ge=-32768, le=32768)]], Meta(max_length=MAX_POINTS)]
    y_px: Annotated[list[Annotated[int, Meta(ge=-32768, le=32768)]], Meta(max_length=MAX_POINTS)]

    def __post_init__(self) -> None:
        starts, n_points = self.starts, len(self.t_ms)
        if len(self.x_px) != n_points or len(self.y_px) != n_points:
            raise ValueError("t_ms, x_px and y_px must have the same length")
        if len(starts) > 1 and starts != sorted(set(starts)):
            raise ValueError("starts must rise")
        if starts and starts[-1] >= n_points:
            raise ValueError("a stroke starts behind the last point")


class GpsFix(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A position that the handset reports. `mocked` is the system's own word on it, where it gives one."""

    latitude_deg: Annotated[float, Meta(ge=-90, le=90)]
    longitude_deg: Annotated[float, Meta(ge=-180, le=180)]
    accuracy_m: Annotated[float, Meta(ge=0, le=1_000_000)]
    datum: Literal["wgs84", "gcj02"] = "wgs84"
    mocked: bool | None = None


class WifiScan(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Access points in reach, as columns. Network names have no place here."""

    bssids: Annotated[list[Annotated[str, Meta(pattern=rf"^[0-9a-f]{{12}}{END}")]], Meta(max_length=MAX_SCAN)]
    rssi_dbm: Annotated[list[Annotated[int, Meta(ge=-128, le=20)]], Meta(max_length=MAX_SCAN)]

    def __post_init__(self) -> None:
        if len(self.bssids) != len(self.rssi_dbm):
            raise ValueError("bssids and rssi_dbm must have the same length")


class Cell(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The mobile network's cell that serves the handset."""

    mcc: Annotated[int, Meta(ge=0, le=999)]
    mnc: Annotated[int, Meta(ge=0, le=999)]
    area: Annotated[int, Meta(ge=0, le=2**24)]
    cell: Annotated[int, Meta(ge=0, le=2**36)]


class Location(Envelope, frozen=True, kw_only=True, gc=False, tag="location", omit_defaults=True):
    """Where the customer seems to be, by up to four independent sources."""

    gps: GpsFix | None = None
    ip: Ip | None = None
    wifi: WifiScan | None = None
    cell: Cell | None = None


class Outlay(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Money on its way to one person, device or payee, in the currency of the question.

    `open` is what was asked for or allowed and may still go out, `day` what went out within 24 hours, `month` within 30
    days. What is asked about now is in none of them.
    """

    open: Money
    day: Money
    month: Money


class Exposure(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What goes before an amount, over all applications: for the person, on the device, to the payee."""

    person: Outlay | None = None
    device: Outlay | None = None
    payee: Outlay | None = None


class Checkpoint(Envelope, frozen=True, kw_only=True, gc=False, tag="checkpoint", omit_defaults=True):
    """May this step of this application go on? A decision point: it is answered by a signed verdict."""

    application_id: EnvelopeId
    device_id: EnvelopeId
    step: Step
    attempt: Annotated[int, Meta(ge=1, le=1000)]
    draw_id: Id | None = None
    payee_ref: Id | None = None
    amount: Money | None = None
    currency: Currency | None = None
    exposure: Exposure | None = None

    def __post_init__(self) -> None:
        _refuse_half_named(self)


class Challenge(Envelope, frozen=True, kw_only=True, gc=False, tag="challenge", omit_defaults=True):
    """A further proof that was asked for, and what came of it. Sent by the authentication service alone."""

    outcome: Literal["issued", "passed", "failed"]
    method: ChallengeMethod
    step: Step | None = None
    attempt: Annotated[int, Meta(ge=1, le=1000)] | None = None


class Override(Envelope, frozen=True, kw_only=True, gc=False, tag="override", omit_defaults=True):
    """A person's decision over a verdict, by pseudonymous operators. An event of its own, never an edit.

    It holds for exactly the question that they looked at, and names all of it, as the checkpoint did.
    """

    application_id: EnvelopeId
    device_id: EnvelopeId
    step: Step
    attempt: Annotated[int, Meta(ge=1, le=1000)]
    decision: Literal["allow", "block"]
    operators: Annotated[list[Id], Meta(min_length=1, max_length=4)]
    draw_id: Id | None = None
    payee_ref: Id | None = None
    amount: Money | None = None
    currency: Currency | None = None
    note: Annotated[str, Meta(max_length=500)] | None = None

    def __post_init__(self) -> None:
        _refuse_half_named(self)
        if len(set(self.operators)) < len(self.operators):
            raise ValueError("operators are distinct")


def _refuse_half_named(question: Checkpoint | Override) -> None:
    if (question.amount is None) != (question.currency is None):
        raise ValueError("amount and currency go together")
    if question.step == "fund_transfer" and None in (question.draw_id, question.payee_ref, question.amount):
        raise ValueError("a fund_transfer names draw_id, payee_ref, amount and currency")


class Label(Envelope, frozen=True, kw_only=True, gc=False, tag="label", omit_defaults=True):
    """What turned out to be true about an earlier event."""

    about_event_id: Id
    truth: Literal["fraud", "honest"]
    source: Literal["dispute", "investigation", "default", "customer"]


Event = Login | Device | Keystroke | Pointer | Location | Checkpoint | Challenge | Override | Label
FAMILIES: tuple[type[Envelope], ...] = (
    Login,
    Device,
    Keystroke,
    Pointer,
    Location,
    Checkpoint,
    Challenge,
    Override,
    Label,
)
TYPE_OF: Mapping[type[Envelope], str] = {family: str(family.__struct_config__.tag) for family in FAMILIES}
"""What each family calls itself on the wire."""
