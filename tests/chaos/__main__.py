"""Breaks a real deployment under load, and counts from outside: `python -m tests.chaos --help`, or `make chaos`.

Progress goes to stderr; the last line on stdout is JSON. Status 0: every promise held; 1: one did not.
"""

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.options import parse
from tests.chaos.run import Run


def main() -> None:
    """Run, and print the figures."""
    options = parse(sys.argv[1:])
    began_s = time.monotonic()

    def tell(what: str) -> None:
        if not options.as_json:
            print(f"{time.monotonic() - began_s:6.1f} s  {what}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="menshen-chaos-") as name:
        folder = Path(name)
        logs = folder / "logs"
        with logs.open("w") as file, contextlib.redirect_stdout(file):
            figures = Run(options, tell).play(folder)
        if not figures["ok"]:
            kept = Path(tempfile.gettempdir()) / f"menshen-chaos-{options.seed}.log"
            kept.write_bytes(logs.read_bytes())
            tell(f"fell short; the workers' logs are in {kept}")
    print(json.dumps(figures))
    sys.exit(0 if figures["ok"] else 1)


if __name__ == "__main__":
    main()
