"""`menshen keys`: the key pair with which verdicts are signed and checked."""

import os
from pathlib import Path

import click

from menshen.commands.exits import WRONG_USAGE, end
from menshen.shell.signing import Signer, new_key_pair


@click.group()
def keys() -> None:
    """Make the keys that verdicts are signed with."""


@keys.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def new(folder: Path) -> None:
    """Write a fresh key pair to FOLDER: signing.key for `detect` alone, signing.pub for whoever checks verdicts.

    An existing key is never overwritten. To replace a key, give consumers both public keys in one file, then start
    `detect` with the new one; drop the old public key when its last verdict has expired.
    """
    try:
        click.echo(f"{write_key_pair(folder)}  {folder / 'signing.key'}  {folder / 'signing.pub'}")
    except FileExistsError as error:
        end(f"{error.filename} exists already: name another folder", WRONG_USAGE)


def write_key_pair(folder: Path) -> str:
    """Write signing.key, readable by its owner alone, and signing.pub; return the key's id.

    Raises FileExistsError if there is a key already; nothing was changed then.
    """
    private, public = new_key_pair()
    folder.mkdir(parents=True, exist_ok=True)
    secret = os.open(folder / "signing.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(secret, "w") as file:
        file.write(private)
    (folder / "signing.pub").write_text(public)
    return Signer(private).key_id
