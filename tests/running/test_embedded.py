"""The embedded PostgreSQL with real processes: who starts it, who adopts it, who stops it, and what survives a kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import psycopg
import pytest

from config import embedded

pytestmark = [pytest.mark.slow, pytest.mark.faults]
ROOT = Path(__file__).resolve().parents[2]
USER = """
    import sys, pathlib
    from config import embedded
    try:
        server = embedded.use(pathlib.Path(sys.argv[1]), durable="durable" in sys.argv)
    except embedded.EmbeddedError as error:
        print("refused:", error, flush=True)
        sys.exit(3)
    print("ready", flush=True)
    sys.stdin.readline()
    server.leave()
"""


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix="accord-test-"))
    made.chmod(0o755)
    yield made
    pid = embedded.running_pid(made / "pg")
    if pid:
        os.kill(pid, signal.SIGQUIT)
        wait_until(lambda: embedded.running_pid(made / "pg") is None)
    shutil.rmtree(made, ignore_errors=True)


def wait_until(true, seconds=20.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def user_of(folder, *options):
    """Another process that uses the server below `folder` until a line arrives."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(USER), str(folder), *options],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    said = process.stdout.readline().strip()
    process.said = said or process.stderr.read()
    if said.startswith("refused"):
        process.said += "\n" + process.stdout.read()
    return process


def finish(process):
    process.communicate("\n", timeout=30)
    return process.returncode


def answer(folder):
    with psycopg.connect(host=str(embedded.socket_folder(folder)), user="postgres", dbname="accord") as connection:
        return connection.execute("SELECT current_setting('server_version_num')::int").fetchone()[0]


def test_the_last_user_stops_the_server_and_the_data_stays(folder):
    first, second = user_of(folder), user_of(folder)
    assert (first.said, second.said) == ("ready", "ready")
    pid = embedded.running_pid(folder / "pg")
    assert answer(folder) >= 180000
    assert finish(first) == 0
    assert embedded.running_pid(folder / "pg") == pid
    assert finish(second) == 0
    assert embedded.running_pid(folder / "pg") is None
    again = user_of(folder)
    assert again.said == "ready"
    assert finish(again) == 0


def test_after_a_kill_the_next_user_adopts_the_server_and_stops_it(folder):
    killed = user_of(folder)
    pid = embedded.running_pid(folder / "pg")
    killed.kill()
    killed.communicate()
    assert embedded.running_pid(folder / "pg") == pid
    heir = user_of(folder)
    assert embedded.running_pid(folder / "pg") == pid
    assert finish(heir) == 0
    assert embedded.running_pid(folder / "pg") is None


def test_a_pid_file_with_a_reused_number_is_not_believed(folder):
    assert finish(user_of(folder)) == 0
    claim = f"{os.getpid()}\n{folder}/pg\n1700000000\n5432\n{folder}/pg\n\n  0 0\nready\n"
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        (folder / "pg" / name).write_text(claim)
    assert embedded.running_pid(folder / "pg") is None
    user = user_of(folder)
    assert user.said == "ready"
    assert answer(folder) >= 180000
    assert finish(user) == 0


def test_a_server_killed_hard_recovers_what_was_committed(folder):
    user = user_of(folder, "durable")
    with psycopg.connect(host=str(embedded.socket_folder(folder)), user="postgres", dbname="accord") as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    user.kill()
    user.communicate()
    os.kill(embedded.running_pid(folder / "pg"), signal.SIGKILL)
    heir = user_of(folder)
    assert heir.said == "ready"
    with psycopg.connect(host=str(embedded.socket_folder(folder)), user="postgres", dbname="accord") as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
    assert finish(heir) == 0


def test_a_half_made_data_folder_is_made_again(folder):
    (folder / "pg.new").mkdir()
    (folder / "pg.new" / "PG_VERSION").write_text("18\n")
    (folder / "pg").mkdir()
    user = user_of(folder)
    assert user.said == "ready"
    assert finish(user) == 0
    assert not (folder / "pg.new").exists()


@pytest.mark.parametrize("name", ["with a blank, a comma and 'quotes'", "ümlaut+plus&amp%41", "long/" + "x" * 110])
def test_any_path_works_and_only_its_owner_can_reach_the_socket(folder, name):
    below = folder / name
    user = user_of(below)
    assert user.said == "ready"
    sockets = embedded.socket_folder(below)
    assert len(os.fsencode(sockets)) <= 90
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert answer(below) >= 180000
    assert finish(user) == 0
    if sockets != (below / "pg").resolve():
        shutil.rmtree(sockets)


def test_the_address_survives_the_parser_of_the_settings(folder):
    import environ

    below = folder / "with a blank+ü%41"
    parsed = environ.Env.db_url_config(embedded.url(below))
    assert parsed["OPTIONS"]["host"] == str((below / "pg").resolve())
    assert (parsed["NAME"], parsed["USER"]) == ("accord", "postgres")


def test_a_forked_child_never_stops_the_server(folder):
    server = embedded.Server(folder, durable=False).join()
    child = os.fork()
    if child == 0:
        server.leave()
        os._exit(0)
    os.waitpid(child, 0)
    assert embedded.running_pid(folder / "pg") is not None
    server.leave()
    assert embedded.running_pid(folder / "pg") is None


def test_data_of_another_major_version_is_refused_with_the_way_out(folder):
    assert finish(user_of(folder)) == 0
    (folder / "pg" / "PG_VERSION").write_text("16\n")
    refused = user_of(folder)
    assert "made by PostgreSQL 16" in refused.said
    assert finish(refused) == 3


def test_a_server_that_cannot_start_says_why(folder):
    assert finish(user_of(folder)) == 0
    with (folder / "pg" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    refused = user_of(folder)
    assert refused.said.startswith("refused: PostgreSQL did not start")
    assert "no_such_setting" in refused.said
    assert finish(refused) == 3


def test_small_shared_memory_is_not_used(monkeypatch):
    small = os.statvfs_result((4096, 4096, 16384, 16384, 16384, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: small)
    assert "dynamic_shared_memory_type = mmap" in embedded._settings(Path("/x"), durable=True)


def test_only_the_tests_server_gives_up_durability():
    assert "fsync = on" in embedded._settings(Path("/x"), durable=True)
    assert "fsync = off" in embedded._settings(Path("/x"), durable=False)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
class TestAsRoot:
    def test_root_runs_it_as_an_account_without_rights(self, folder):
        user = user_of(folder)
        assert Path(f"/proc/{embedded.running_pid(folder / 'pg')}").stat().st_uid == (folder / "pg").stat().st_uid != 0
        assert finish(user) == 0

    def test_folders_it_cannot_pass_get_the_execute_bit_alone(self, folder):
        closed = folder / "closed"
        closed.mkdir(mode=0o700)
        user = user_of(closed / "var")
        assert user.said == "ready"
        user.stdin.write("\n")
        user.stdin.close()
        assert str(closed) in user.stderr.read()
        assert user.wait(30) == 0
        assert closed.stat().st_mode & 0o777 == 0o701

    def test_an_ordinary_user_has_a_server_of_their_own_and_root_can_adopt_it(self, folder):
        python = next((p for p in ("/usr/bin/python3",) if Path(p).exists()), None)
        if python is None:
            pytest.skip("no Python that an ordinary user can reach")
        os.chown(folder, 65534, 65534)
        packages = next(p for p in sys.path if p.endswith("site-packages"))
        script = folder / "use.py"
        script.write_text(f"import sys; sys.path[:0] = [{str(ROOT)!r}, {packages!r}]\n" + textwrap.dedent(USER))
        as_nobody = [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "env",
            f"HOME={folder}",
            python,
            str(script),
            str(folder),
        ]
        process = subprocess.Popen(
            as_nobody, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
        )
        said = process.stdout.readline().strip()
        if not said:
            problem = process.communicate()[1]
            pytest.skip(f"that Python cannot load the packages: {problem.splitlines()[-1]}")
        assert said == "ready"
        root = user_of(folder)
        assert root.said == "ready"
        assert finish(process) == 0
        assert embedded.running_pid(folder / "pg") is not None
        assert finish(root) == 0
        assert embedded.running_pid(folder / "pg") is None
