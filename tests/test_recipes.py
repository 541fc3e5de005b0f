"""course.toml: what it says, and how a mistake in it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from inprod import recipes
from inprod.course import Course
from inprod.errors import ExerciseError, InprodError
from inprod.exercises import load
from tests.support import make_exercise

TEXT = """\
[databases.shop]
make = ["python", "-m", "shop", "seed"]
from = ["shop", "extra.sql"]
[work]
show = ["shop"]
"""


def _course(root: Path, text: str) -> Course:
    (root / "shop" / "__pycache__").mkdir(parents=True, exist_ok=True)
    (root / "shop" / "seed.py").write_text("x = 1\n", encoding="utf-8")
    (root / "extra.sql").touch()
    (root / "course.toml").write_text(text, encoding="utf-8")
    return Course(root)


def test_a_course_may_have_none(tmp_path: Path) -> None:
    """Then there is no sample database and nothing to show."""
    assert recipes.load(Course(tmp_path)) == recipes.CourseFile({}, ())


def test_what_it_says(tmp_path: Path) -> None:
    """Databases by name, and the folders to show."""
    found = recipes.load(_course(tmp_path, TEXT))
    shop = found.databases["shop"]
    assert (shop.name, shop.make, shop.root) == ("shop", ("python", "-m", "shop", "seed"), tmp_path)
    assert shop.sources == (tmp_path / "shop", tmp_path / "extra.sql")
    assert found.show == (tmp_path / "shop",)


def test_the_digest_follows_contents_and_command_alone(tmp_path: Path) -> None:
    """Compiled files and line ends change nothing; a new line, a new file or another command do."""

    def digest(text: str = TEXT) -> str:
        return recipes.load(_course(tmp_path, text)).databases["shop"].digest

    first = digest()
    (tmp_path / "shop" / "__pycache__" / "seed.cpython-311.pyc").write_bytes(b"1")
    assert digest() == first
    assert digest(TEXT.replace('"seed"]', '"seed", "--more"]')) != first
    (tmp_path / "extra.sql").write_text("SELECT 1;\n", encoding="utf-8")
    second = digest()
    assert second != first
    (tmp_path / "extra.sql").write_bytes(b"SELECT 1;\r\n")
    assert digest() == second
    (tmp_path / "shop" / "new.py").touch()
    assert digest() != second


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("databases = 3\n", "databases"),
        ("[databases]\nshop = 3\n", "databases.shop"),
        ("[databases.shop]\nfrom = []\n", "databases.shop.make"),
        ("[databases.shop]\nmake = []\nfrom = []\n", "databases.shop.make"),
        ('[databases.shop]\nmake = "python"\nfrom = []\n', "databases.shop.make"),
        ('[databases.shop]\nmake = ["python"]\n', "databases.shop.from"),
        ('[databases.shop]\nmake = ["python"]\nfrom = ["nowhere"]\n', "databases.shop.from"),
        ('[databases.shop]\nmake = ["python"]\nfrom = [".."]\n', "databases.shop.from"),
        ('[databases.shop]\nmake = ["python"]\nfrom = []\nname = "x"\n', "databases.shop.name"),
        ('[databases.Shop]\nmake = ["python"]\nfrom = []\n', "databases.Shop"),
        ('[work]\nshow = ["/etc"]\n', "work.show"),
        ("[work]\nhide = []\n", "work.hide"),
        ("[other]\n", "other"),
    ],
)
def test_a_mistake_names_file_and_key(tmp_path: Path, text: str, key: str) -> None:
    """So that it can be found."""
    with pytest.raises(InprodError) as caught:
        recipes.load(_course(tmp_path, text))
    assert f"`{key}` in course.toml" in caught.value.what
    assert caught.value.looked == str(tmp_path / "course.toml")


def test_what_is_no_toml_names_the_line(tmp_path: Path) -> None:
    """The parser's own words."""
    with pytest.raises(InprodError, match="line 3"):
        recipes.load(_course(tmp_path, "[work]\nshow = [\n= 3\n"))


@pytest.mark.parametrize(
    ("needs", "database", "words"),
    [("postgres", "nowhere", "must be one of course.toml .shop., not nowhere"), ("redis", "shop", "add it to `needs`")],
)
def test_a_task_names_a_database_that_there_is(tmp_path: Path, needs: str, database: str, words: str) -> None:
    """An unknown one is an error with file and line; so is one without Postgres."""
    _course(tmp_path, TEXT)
    exercise = make_exercise(tmp_path, "", needs=needs)
    assert (exercise.database, exercise.recipe) == ("", None)
    task = exercise.folder / "task.md"
    task.write_text(
        task.read_text(encoding="utf-8").replace("level:", f"database: {database}\nlevel:"), encoding="utf-8"
    )
    with pytest.raises(ExerciseError, match=words) as caught:
        load(exercise.folder, tmp_path / "solutions")
    assert caught.value.looked == f"{task}:4"


def test_a_task_with_a_database_knows_its_recipe(tmp_path: Path) -> None:
    """As course.toml says at that moment."""
    _course(tmp_path, TEXT)
    exercise = make_exercise(tmp_path, "", needs="postgres")
    task = exercise.folder / "task.md"
    task.write_text(task.read_text(encoding="utf-8").replace("level:", "database: shop\nlevel:"), encoding="utf-8")
    found = load(exercise.folder, tmp_path / "solutions")
    assert found.database == "shop"
    assert found.recipe is not None
    before = found.recipe.digest
    (tmp_path / "shop" / "seed.py").write_text("x = 2\n", encoding="utf-8")
    assert found.recipe.digest != before
