import pytest

from infra.postgres.migrate import MigrationChangedError, migrate, migrations_of, pending
from infra.postgres.pool import connect


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "0001_shared.sql").write_text("create table counted (n int);")
    (tmp_path / "0002_garden.sql").write_text("create table tree (name text);")
    (tmp_path / "0003_kitchen.sql").write_text("create table pot (name text);")
    return tmp_path


def test_a_room_gets_its_own_files_and_the_shared_ones_in_order(folder):
    assert [file.name for file in migrations_of("garden", folder)] == ["0001_shared.sql", "0002_garden.sql"]
    (folder / "0004_garden__roses.sql").write_text("select 1")
    assert [file.name for file in migrations_of("garden", folder)][-1] == "0004_garden__roses.sql"


@pytest.mark.parametrize("name", ["4_garden.sql", "0004-garden.sql", "0002_pond.sql"])
def test_a_file_with_a_wrong_name_or_a_taken_number_is_refused(folder, name):
    (folder / name).write_text("select 1")
    with pytest.raises(ValueError, match=r"not named|same number"):
        migrations_of("garden", folder)


def test_files_of_a_newer_release_that_were_applied_are_no_error(folder):
    files = migrations_of("garden", folder)
    applied = {file.name: file.sha256 for file in files} | {"0009_garden.sql": "x"}
    assert pending(files, applied) == ()


@pytest.mark.postgres
def test_what_was_applied_is_not_applied_again_and_may_not_change(folder, postgres):
    assert migrate(postgres, room="garden", folder=folder) == ("0001_shared.sql", "0002_garden.sql")
    assert migrate(postgres, room="garden", folder=folder) == ()
    assert migrate(postgres, room="kitchen", folder=folder) == ("0001_shared.sql", "0003_kitchen.sql")
    (folder / "0002_garden.sql").write_text("create table tree (name text, height int);")
    with pytest.raises(MigrationChangedError, match=r"0002_garden\.sql"):
        migrate(postgres, room="garden", folder=folder)


@pytest.mark.postgres
def test_a_file_that_fails_leaves_nothing_behind_and_the_earlier_ones_applied(folder, postgres):
    (folder / "0004_garden.sql").write_text("create table pond (n int); select 1/0;")
    with pytest.raises(Exception, match="division by zero"):
        migrate(postgres, room="garden", folder=folder)
    with connect(postgres, room="garden") as connection:
        assert connection.execute("select to_regclass('tree'), to_regclass('pond')").fetchone() == ("tree", None)
    (folder / "0004_garden.sql").write_text("create table pond (n int);")
    assert migrate(postgres, room="garden", folder=folder) == ("0004_garden.sql",)
