import pytest

from bellwether.cli import app as cli
from runtime.errors import BrokerError, InputError, PromiseError


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (BrokerError("no answer from x:1"), 1, "error: no answer from x:1"),
        (PromiseError("1 event lost"), 1, "promise broken: 1 event lost"),
        (InputError("no file 'x'"), 2, "error: no file 'x'"),
    ],
)
def test_an_error_becomes_one_line_on_standard_error_and_its_exit_code(monkeypatch, capsys, error, code, said):
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as end:
        cli.main()
    printed = capsys.readouterr()
    assert (end.value.code, printed.err.strip(), printed.out) == (code, said, "")


def test_a_bug_of_ours_is_not_dressed_up_as_an_error_of_the_users(monkeypatch):
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(ZeroDivisionError):
        cli.main()
