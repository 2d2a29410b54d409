"""README's tables are those of the code."""

from infra.readme_tables import README, written


def test_readmes_tables_are_current() -> None:
    text = README.read_text(encoding="utf-8")
    assert "<!-- table: configuration -->" in text
    assert "<!-- table: reasons -->" in text
    assert written(text) == text, "run `make readme`"
