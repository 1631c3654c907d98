import pytest

from runtime import settings
from runtime.errors import SettingsError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in list(settings.os.environ):
        if name.startswith(settings.PREFIX):
            monkeypatch.delenv(name)


def test_a_misspelt_variable_is_refused_and_the_near_name_is_told(monkeypatch):
    monkeypatch.setenv("BELLWETHER_BOOTSTRAPS", "127.0.0.1:1")
    with pytest.raises(
        SettingsError, match=r"BELLWETHER_BOOTSTRAPS is no setting; did you mean BELLWETHER_BOOTSTRAP\?"
    ):
        settings.load()


def test_a_variable_that_resembles_nothing_is_refused_with_the_list_of_what_is_known():
    with pytest.raises(SettingsError, match=r"BELLWETHER_XQZW is no setting; known: BELLWETHER_ALIASES, .*"):
        settings.reject_unknown({"BELLWETHER_XQZW": "1"})


def test_a_flag_wins_over_the_environment_and_the_environment_over_the_file(monkeypatch, tmp_path):
    file = tmp_path / "bellwether.toml"
    file.write_text('model = "from-file"\ngroup = "from-file"\nbootstrap = "file:1"\n')
    monkeypatch.setenv("BELLWETHER_CONFIG", str(file))
    monkeypatch.setenv("BELLWETHER_GROUP", "from-environment")
    monkeypatch.setenv("BELLWETHER_MODEL", "from-environment")
    chosen = settings.load(model="from-flag", group=None)
    assert (chosen.model, chosen.group, chosen.bootstrap) == ("from-flag", "from-environment", "file:1")


def test_a_value_of_the_wrong_type_names_setting_and_value(monkeypatch):
    monkeypatch.setenv("BELLWETHER_HTTP_PORT", "eighty")
    with pytest.raises(SettingsError, match="setting 'http_port' = 'eighty': Input should be a valid integer"):
        settings.load()


def test_a_missing_file_is_refused_by_name(monkeypatch, tmp_path):
    monkeypatch.setenv("BELLWETHER_CONFIG", str(tmp_path / "absent.toml"))
    with pytest.raises(SettingsError, match=r"absent\.toml' is no file; unset it or write the TOML file"):
        settings.load()


def test_settings_cannot_change_once_they_are_read():
    chosen = settings.load()
    with pytest.raises(ValueError, match="frozen"):
        chosen.model = "another"


def test_registry_and_keys_live_in_the_home_folder_unless_told_otherwise(tmp_path):
    chosen = settings.load(home=tmp_path)
    assert chosen.registry_folder == tmp_path / "registry"
    assert settings.load(registry=tmp_path / "r").registry_folder == tmp_path / "r"
    assert chosen.keys_folder not in chosen.registry_folder.parents
