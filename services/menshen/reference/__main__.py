"""`python -m menshen.reference DIR [--check]`: write the reference pages, or say which of them are out of date."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from menshen.reference import metrics, reasons, settings, signals, workflow

PAGES: Mapping[str, Callable[[], str]] = {
    "signals.md": signals.page,
    "reasons.md": reasons.page,
    "metrics.md": metrics.page,
    "settings.md": settings.page,
    "workflow.md": workflow.page,
}


def outdated(folder: Path) -> list[str]:
    """Return the names of the pages whose file does not say what the code says."""
    files = {name: folder / name for name in PAGES}
    return [name for name, page in PAGES.items() if not files[name].exists() or files[name].read_text() != page()]


def main(folder: Path, *, check: bool) -> int:
    """Write the pages that are out of date, or only name them; return the exit status."""
    names = outdated(folder)
    for name in names:
        if not check:
            (folder / name).write_text(PAGES[name]())
        print(f"{folder / name}: {'out of date: make docs' if check else 'written'}")
    return int(check and bool(names))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), check="--check" in sys.argv))
