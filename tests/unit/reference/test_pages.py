from pathlib import Path

from menshen.reference.__main__ import PAGES, main, outdated
from menshen.reference.tables import table

DOCS = Path(__file__).parents[3] / "docs"


def test_the_pages_say_what_the_code_says() -> None:
    assert outdated(DOCS) == [], "run `make docs`"


def test_a_page_that_was_edited_by_hand_is_named_and_written_anew(tmp_path: Path) -> None:
    main(tmp_path, check=False)
    assert outdated(tmp_path) == []
    (tmp_path / "metrics.md").write_text("edited")
    assert main(tmp_path, check=True) == 1
    assert outdated(tmp_path) == ["metrics.md"]
    assert main(tmp_path, check=False) == 0
    assert (tmp_path / "metrics.md").read_text() == PAGES["metrics.md"]()


def test_a_bar_inside_a_cell_does_not_end_it() -> None:
    assert table(["a"], [["x|y"]]).splitlines()[-1] == "| x&#124;y |"
