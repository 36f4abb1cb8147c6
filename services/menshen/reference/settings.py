"""The page of the settings."""

from menshen.commands.settings import all_settings
from menshen.reference.tables import NOTE, table


def page() -> str:
    """Return the page."""
    rows = [
        [
            f"`{setting.name}`" + (" or `_FILE`" if setting.secret else ""),
            "required" if setting.default is None else f"`{setting.default}`" if setting.default else "",
            setting.meaning,
            setting.process,
        ]
        for setting in all_settings()
    ]
    introduction = (
        "All settings come from the environment. A secret can also be given as a file, by its name with `_FILE` at the "
        "end.\nA process that finds any of them wrong names them all and ends with status 2."
    )
    return f"{NOTE}\n# Settings\n\n{introduction}\n\n" + table(["name", "default", "meaning", "process"], rows)
