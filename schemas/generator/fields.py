"""What each field means, in one sentence; and the rules between fields.

A name means the same wherever it stands; where it does not, `Struct.field` goes before `field`.
"""

from collections.abc import Mapping
from typing import Any

FIELDS: Mapping[str, str] = {
    # The envelope.
    "type": "The family of the event.",
    "event_id": "The event's own id, unique for the subject; the same id with another content is refused.",
    "subject_id": "Whom the event is about: a pseudonym, and the record's key.",
    "session_id": "Groups the events of one visit.",
    "seq": "The event's place in its session, counted by the producer.",
    "occurred_ms": "When it happened by the client's clock, milliseconds since 1970. It may be wrong: that is judged.",
    "received_ms": "When the trusted producer received it, milliseconds since 1970.",
    "assurance": "Who vouches for the person: nobody yet, a completed login, or a proof of the person.",
    "product_id": "The lending product.",
    "version": "The major version of the family's schema.",
    "application_id": "The loan application, where there is one.",
    "device_id": "The device, by the SDK's own pseudonym for this installation.",
    # Login, challenge, checkpoint, override, label.
    "outcome": "How it ended.",
    "method": "By which means.",
    "ip": "The address that the trusted producer saw, IPv4 or IPv6 as text.",
    "step": "The step of the application's path.",
    "attempt": "Which try at this step this is, from 1; numbered by the onboarding service alone.",
    "draw_id": "The payment out of an open limit.",
    "payee_ref": "A pseudonym of the account that is paid.",
    "amount": "Decimal text with two places, never a floating-point number.",
    "currency": "ISO 4217, three capital letters.",
    "exposure": "What goes before the amount, over all applications; the amount itself is not in it.",
    "person": "What goes before it for the same person.",
    "device": "What goes before it on the same device.",
    "payee": "What goes before it to the same payee.",
    "open": "What was allowed and has not gone out yet: decimal text with two places.",
    "day": "What went out within 24 hours: decimal text with two places.",
    "month": "What went out within 30 days: decimal text with two places.",
    "decision": "What may happen: nothing stands against it, one more proof, a person looks first, or not at all.",
    "operators": "Pseudonyms of the people who decided, each once.",
    "note": "Why, in the operators' words; nothing that names a customer.",
    "about_event_id": "The event that the truth is about.",
    "truth": "What it turned out to be.",
    "source": "How that became known.",
    # Device.
    "platform": "The operating system's family, or `web`.",
    "model": "The model that the device says it is.",
    "os_version": "The operating system's version.",
    "browser": "The browser and its major version, on the web.",
    "gpu": "The graphics processor as the device names it.",
    "screen_width_px": "The screen's width in pixels.",
    "screen_height_px": "The screen's height in pixels.",
    "time_zone": "The IANA name of the time zone that is set.",
    "locale": "The language that is set, as a BCP 47 tag.",
    "emulator": "Whether the SDK took it for an emulator. Absent: it did not look.",
    "rooted": "Whether the system is rooted or jailbroken. Absent: the SDK did not look.",
    "automation": "Whether a program drives the application. Absent: the SDK did not look.",
    "remote_control": "Whether the screen is shared or controlled from afar. Absent: the SDK did not look.",
    # Keystroke.
    "field": "What kind of input field was visited; secret fields are never visited.",
    "hold_ms": "How long each key was held, milliseconds; one number a key.",
    "flight_ms": "From the release of a key to the press of the next, milliseconds; negative where they overlap.",
    "classes": "The class of each key: l a letter, d a digit, s a space, b a backspace, o any other. Never which key.",
    "input_method": "What the text was put in with.",
    "pasted": "Whether text was pasted.",
    "autofilled": "Whether the system filled the field in.",
    # Pointer.
    "Pointer.kind": "What it was drawn with.",
    "starts": "The index of the point at which each stroke begins, rising.",
    "t_ms": "The time of each point, milliseconds since the first.",
    "x_px": "The points' horizontal positions in pixels, to the right.",
    "y_px": "The points' vertical positions in pixels, downwards.",
    # Location.
    "gps": "The handset's own fix.",
    "wifi": "The access points in reach.",
    "cell": "The mobile cell in use.",
    "latitude_deg": "Degrees, north positive.",
    "longitude_deg": "Degrees, east positive.",
    "accuracy_m": "The radius in metres within which the fix lies with 68 % probability.",
    "datum": "The coordinates' system; `gcj02` is the shifted one of maps in mainland China.",
    "mocked": "Whether the system says that the position is simulated. Absent: it says nothing.",
    "bssids": "The access points' hardware addresses, 12 lower-case hexadecimal digits.",
    "rssi_dbm": "The signal strength of each, in dBm.",
    "mcc": "Mobile country code.",
    "mnc": "Mobile network code.",
    "area": "Location or tracking area code.",
    "Cell.cell": "Cell identity within the area.",
    # Assessment.
    "assessment_id": "A function of tenant, subject and event: judging again gives the same.",
    "event_type": "The family of the event.",
    "offset": "The event's place in its partition of the events topic.",
    "appended_ms": "When the broker appended the event, milliseconds since 1970.",
    "score": "The sum of the reasons' points, 0 (ordinary) to 1000.",
    "reasons": "What stands against it, most points first.",
    "observed": "What the shared state answered when the event was judged first.",
    "versions": "What judged.",
    "features": "The whole vector that was scored, in the model's order; null where a value was absent.",
    "deferred": "Whether the event came too late to make anything better.",
    "device_subjects_1h": "Distinct subjects on the device within 1 hour; 0: not asked.",
    "device_subjects_1d": "Distinct subjects on the device within 1 day; 0: not asked.",
    "device_subjects_30d": "Distinct subjects on the device within 30 days; 0: not asked.",
    "ip_subjects_1h": "Distinct subjects on the address within 1 hour; 0: not asked.",
    "ip_subjects_1d": "Distinct subjects on the address within 1 day; 0: not asked.",
    "ip_place": "Where the address is registered.",
    "country": "ISO 3166-1 alpha-2 code.",
    "radius_m": "The disc's radius in metres.",
    "anonymous": "Whether the address hides who uses it (VPN, Tor, proxy).",
    "code": "A stable code; its texts are in the catalogue of reasons.",
    "points": "What it adds to the score.",
    "evidence": "The figures behind it, units in the names.",
    "policy": "The policy's version; empty: none was in use.",
    "Versions.model": "The model's version; empty: none was in use.",
    "geo": "The place base's version; empty: none was in use.",
    # Shed.
    "n_shed": "How many events of one batch were not judged.",
    "runs": "Which: the first and the last offset, both included, of each run in this partition of the events topic.",
    # Verdict.
    "verdict_id": "A function of tenant, subject and event: judging again gives the same.",
    "kind": "Whether it answers a checkpoint (`gate`) or a login, or takes an allow back (`revoke`).",
    "decided_ms": "When it was decided by the broker's clock, milliseconds since 1970.",
    "expires_ms": "From when on it is void, milliseconds since 1970.",
    "amount_max": "The amount that it opens at most, decimal text with two places.",
    "challenge": "The proof that a `step_up` asks for.",
    "revokes": "The `verdict_id` of the allow that is taken back.",
    "missing": "The evidence that this step usually has and that did not come; `a|b`: one of them.",
    # Onboarding.
    "record_id": "Unique for the change.",
    "number": "Counts the changes of an application from 1, without gaps.",
    "fact": "What brought the change about.",
    "state": "What the gate is in since; docs/workflow.md says what each state means.",
    "was": "What it was in before.",
    "at_ms": "When it changed by onboard's clock, milliseconds since 1970.",
    "Onboarding.amount": "The draw's amount, or the limit's; decimal text with two places.",
    "Onboarding.verdict_id": "The verdict that brought the change about.",
    "refused_until_ms": "When the customer may apply again, milliseconds since 1970; 0: a waiting time is taken back.",
    "degraded": "Whether a part was out of order, so that the decision leans on less than usual.",
}

_TEXT = {"type": "string"}
_NULL = {"type": "null"}

_QUESTION: dict[str, Any] = {
    "oneOf": [
        {"properties": {"amount": _TEXT, "currency": _TEXT}, "required": ["amount", "currency"]},
        {"properties": {"amount": _NULL, "currency": _NULL}},
    ],
    "if": {"properties": {"step": {"const": "fund_transfer"}}},
    "then": {
        "properties": {"draw_id": _TEXT, "payee_ref": _TEXT, "amount": _TEXT},
        "required": ["draw_id", "payee_ref", "amount"],
    },
}
_DISTINCT: dict[str, Any] = {"allOf": [{"properties": {"operators": {"uniqueItems": True}}}]}

RULES: Mapping[str, dict[str, Any]] = {
    "Checkpoint": _QUESTION,
    "Override": _QUESTION | _DISTINCT,
    "Keystroke": {
        "$comment": "Beyond this schema: classes has one letter for each number of hold_ms, flight_ms one number less."
    },
    "Pointer": {
        "$comment": "Beyond this schema: t_ms, x_px and y_px are equally long; starts rises, each below that length."
    },
    "WifiScan": {"$comment": "Beyond this schema: bssids and rssi_dbm are equally long."},
}
"""Rules between fields: exactly where JSON Schema can say them, else in words for people."""
