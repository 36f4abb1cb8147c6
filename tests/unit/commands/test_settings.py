import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from menshen.cli import COMMANDS, main
from menshen.commands.keys import write_key_pair
from menshen.contract.signature import TrustedKeys
from menshen.shell.settings import PROCESSES, DetectSettings, SettingsError, read_settings
from menshen.shell.signing import Signer

GIVEN = {"MENSHEN_PEPPER": "p" * 16, "MENSHEN_SIGNING_KEY": "k" * 32}


def test_all_wrong_settings_are_named_at_once_and_the_status_is_2(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BATCH_MAX": "0", "TENANT": "No Spaces", "HTTP_PORT": "x", "PEPPER_FILE": "/none"}.items():
        monkeypatch.setenv(f"MENSHEN_{name}", value)
    done = CliRunner().invoke(main, ["detect"])
    assert done.exit_code == 2
    for name in ("BATCH_MAX", "TENANT", "HTTP_PORT", "PEPPER_FILE", "SIGNING_KEY"):
        assert done.output.count(f"MENSHEN_{name}:") == 1
    assert "Traceback" not in done.output


def test_a_setting_that_nobody_knows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="MENSHEN_BATCH_MAXX: is no setting"):
        read_settings(DetectSettings, {**GIVEN, "MENSHEN_BATCH_MAXX": "1"})


def test_a_secret_comes_from_a_file_as_well_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "pepper").write_text("s3cret-s3cret-s3cret\n")
    settings = read_settings(DetectSettings, {**GIVEN, "MENSHEN_PEPPER_FILE": str(tmp_path / "pepper")})
    assert settings.pepper.get_secret_value() == "s3cret-s3cret-s3cret"
    assert "s3cret" not in f"{settings!r} {settings}"


def test_credentials_go_with_sasl() -> None:
    with pytest.raises(SettingsError, match="MENSHEN_KAFKA_USERNAME and MENSHEN_KAFKA_PASSWORD are needed"):
        read_settings(DetectSettings, {**GIVEN, "MENSHEN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})


def test_every_setting_is_listed_with_its_meaning() -> None:
    listed = json.loads(CliRunner().invoke(main, ["settings", "--json"]).output)
    known = {f"MENSHEN_{name.upper()}" for process in PROCESSES for name in process.model_fields}
    assert {setting["name"] for setting in listed} == known
    assert all(setting["meaning"] for setting in listed)
    table = CliRunner().invoke(main, ["settings"]).output
    assert all(setting["name"] in table for setting in listed)


def test_a_key_pair_signs_and_verifies_and_is_never_overwritten(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["keys", "new", str(tmp_path / "keys")])
    private, public = ((tmp_path / "keys" / name).read_text() for name in ("signing.key", "signing.pub"))
    TrustedKeys.from_pem(public).verify(b"value", Signer(private).headers(b"value"))
    assert done.output.startswith(Signer(private).key_id)
    assert (tmp_path / "keys" / "signing.key").stat().st_mode & 0o077 == 0
    again = CliRunner().invoke(main, ["keys", "new", str(tmp_path / "keys")])
    assert again.exit_code == 2
    with pytest.raises(FileExistsError):
        write_key_pair(tmp_path / "keys")
    assert (tmp_path / "keys" / "signing.key").read_text() == private


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_is_listed(name: str) -> None:
    help_text = CliRunner().invoke(main, [name, "--help"])
    assert help_text.exit_code == 0
    assert len(help_text.output) > 100
    assert name in CliRunner().invoke(main, ["--help"]).output
