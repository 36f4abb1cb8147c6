"""A hook of schemathesis: each call with a valid Idempotency-Key is a deed of its own.

Drawn keys repeat, and a key that stands for another request is rightly refused.
"""

import re
from typing import Any
from uuid import uuid4

import schemathesis


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Replace a key that the document allows; one that it does not allow stays."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch("[!-~]{1,64}", key):
        case.headers["Idempotency-Key"] = str(uuid4())
