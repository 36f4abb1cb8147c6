"""Where the files lie that are shipped with the package: policy, models, topics."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_INSTALLED = _PACKAGE / "bundled"
_CHECKOUT = _PACKAGE.parent.parent


def bundled(path: str) -> Path:
    """Return a shipped file by its path in the repository, from the installed package or from a checkout."""
    installed = _INSTALLED / path
    return installed if installed.exists() else _CHECKOUT / path


def shown(path: Path) -> str:
    """Return a shipped file's path as people know it, in the repository; any other path as it is."""
    for root in (_INSTALLED, _CHECKOUT):
        if path.is_relative_to(root):
            return str(path.relative_to(root))
    return str(path)
