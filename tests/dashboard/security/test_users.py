"""The file of users: nobody else reads it, nothing in it is a secret, and somebody always keeps users."""

import copy
import os
import pickle

import pytest
from typer.testing import CliRunner

from flatbook.cli.main import app
from flatbook.dashboard.security.passwords import Passwords, cheap
from flatbook.dashboard.security.permissions import Role
from flatbook.dashboard.security.places import users_path
from flatbook.dashboard.security.secrets import Secret, read_secret, secret_from
from flatbook.dashboard.security.users import UserError, Users
from flatbook.model.errors import InvalidValueError

GOOD = Secret("amber trumpet 41")


@pytest.fixture
def store():
    made = Users.in_memory(Passwords(cheap()))
    yield made
    made.close()


def test_the_file_is_ours_alone_and_two_processes_see_each_other(tmp_path):
    path = tmp_path / "below" / "users.db"
    first, second = (Users.open(path, Passwords(cheap())) for _ in range(2))
    first.add("adam", Role.ADMIN, GOOD, 1)

    assert path.stat().st_mode & 0o777 == 0o600
    assert second.find("adam").role is Role.ADMIN
    assert second.login("adam", GOOD).name == "adam"
    first.close()
    second.close()
    assert b"amber" not in path.read_bytes()
    path.chmod(0o640)
    with pytest.raises(InvalidValueError, match="0640"):
        Users.open(path)


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to be one" * 20, b"SQLite format 3\0" + b"\xff" * 2000]
)
def test_what_is_no_store_is_refused(tmp_path, content):
    path = tmp_path / "users.db"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(InvalidValueError, match="no store of users"):
        Users.open(path, Passwords(cheap()))


@pytest.mark.parametrize(
    "name",
    ["", "a", "Anna", "anna b", "anna'--", "1anna", "local", "unknown", "x" * 33, "änna", "a\nb", "../etc"],
)
def test_a_name_that_cannot_be_is_refused(store, name):
    with pytest.raises(InvalidValueError):
        store.add(name, Role.VIEWER, GOOD, 1)


@pytest.mark.parametrize(
    "password", ["", "short", "x" * 257, "aaaaaaaaaaaaaaaa", "abababababab", "robertson123"]
)
def test_a_password_that_is_guessed_first_is_refused(store, password):
    with pytest.raises(InvalidValueError) as refused:
        store.add("robertson", Role.VIEWER, Secret(password), 1)
    assert not password or password not in str(refused.value)


def test_a_password_is_the_same_however_a_keyboard_composes_it(store):
    store.add("anna", Role.VIEWER, Secret("caf\u00e9 ol\u00e9 \u00fcber alles"), 1)

    assert store.login("anna", Secret("cafe\u0301 ole\u0301 u\u0308ber alles")) is not None
    assert store.login("anna", Secret("cafe ole uber alles")) is None


def test_somebody_always_keeps_users(store):
    store.add("adam", Role.ADMIN, GOOD, 1)
    store.add("toni", Role.TRADER, GOOD, 1)
    for act in (lambda: store.remove("adam"), lambda: store.set_role("adam", Role.VIEWER)):
        with pytest.raises(UserError, match="only admin"):
            act()
    store.add("anna", Role.ADMIN, GOOD, 1)
    store.remove("adam")
    assert [one.name for one in store.all()] == ["anna", "toni"]


def test_what_is_not_there_or_there_already_is_told(store):
    store.add("adam", Role.ADMIN, GOOD, 1)
    for act in (
        lambda: store.add("adam", Role.ADMIN, GOOD, 1),
        lambda: store.remove("nobody"),
        lambda: store.set_role("nobody", Role.ADMIN),
        lambda: store.set_password("nobody", GOOD),
        lambda: store.revoke_token("0" * 16),
    ):
        with pytest.raises(UserError):
            act()


def test_a_secret_shows_itself_to_nobody(tmp_path):
    secret = Secret("canary-5150")
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>20}", f"{[secret]}", f"{secret!r}"]

    assert all("canary" not in one and "***" in one for one in shown)
    for act in (lambda: pickle.dumps(secret), lambda: copy.deepcopy(secret), lambda: hash(secret)):
        with pytest.raises(TypeError):
            act()
    assert secret.reveal() == "canary-5150"


def test_a_secret_comes_from_the_environment_or_a_private_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text("canary-5150\n")
    path.chmod(0o600)

    assert secret_from("KEY", {}) is None
    assert secret_from("KEY", {"KEY": "canary-5150"}).reveal() == "canary-5150"
    assert secret_from("KEY", {"KEY_FILE": str(path)}).reveal() == "canary-5150"
    with pytest.raises(InvalidValueError, match="not both"):
        secret_from("KEY", {"KEY": "x", "KEY_FILE": str(path)})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o777, 0o610])
def test_a_file_that_others_may_touch_holds_no_secret(tmp_path, mode):
    path = tmp_path / "secret"
    path.write_text("canary-5150")
    path.chmod(mode)

    with pytest.raises(InvalidValueError, match="chmod 600") as refused:
        read_secret(path)
    assert "canary" not in str(refused.value)


def test_what_is_no_file_of_text_holds_no_secret(tmp_path):
    fifo, empty, binary, endless = (tmp_path / name for name in ("fifo", "empty", "binary", "endless"))
    os.mkfifo(fifo, 0o600)
    for path, content in ((empty, b"\n"), (binary, b"\xff\xfe"), (endless, b"x" * 70_000)):
        path.write_bytes(content)
        path.chmod(0o600)
    for path in (fifo, empty, binary, endless, tmp_path, tmp_path / "absent"):
        with pytest.raises(InvalidValueError):
            read_secret(path)


def test_the_command_adds_lists_and_removes_and_never_takes_a_password_as_an_argument(tmp_path, monkeypatch):
    run = CliRunner(
        env={
            "FLATBOOK_USERS": str(tmp_path / "users.db"),
            "FLATBOOK_PASSWORD": None,
            "FLATBOOK_PASSWORD_FILE": None,
        }
    ).invoke
    password = GOOD.reveal()
    added = run(app, ["users", "add", "adam", "--role", "admin"], input=f"{password}\n{password}\n")
    assert added.exit_code == 0, added.output
    assert password not in added.output
    token = run(app, ["users", "token", "adam", "--label", "notebook", "--role", "viewer", "--days", "7"])
    assert token.stdout.strip().splitlines()[-1].startswith("fbk_")
    listed = run(app, ["users", "list"]).output
    assert "adam" in listed
    assert "notebook" in listed
    assert token.stdout.strip().splitlines()[-1].rpartition("_")[2] not in listed
    assert run(app, ["users", "add", "eve", "--role", "viewer", "--password", password]).exit_code == 2
    assert run(app, ["users", "add", "robot", "--role", "trader", "--no-password"]).exit_code == 0
    assert run(app, ["users", "role", "robot", "viewer"]).exit_code == 0
    token_id = listed.split("token ")[1].split()[0]
    assert run(app, ["users", "revoke", token_id]).exit_code == 0
    assert run(app, ["users", "remove", "robot"]).exit_code == 0
    mistyped = run(
        app, ["users", "add", "eve", "--role", "viewer"], input="one password 11\nother password 12\n"
    )
    assert mistyped.exit_code != 0
    assert "eve" not in run(app, ["users", "list"]).output


def test_where_the_file_lies():
    assert users_path({"FLATBOOK_USERS": "a/b.db"}).as_posix() == "a/b.db"
    assert users_path({"XDG_DATA_HOME": "data"}).as_posix() == "data/flatbook/users.db"
    assert users_path({}).as_posix().endswith(".local/share/flatbook/users.db")
