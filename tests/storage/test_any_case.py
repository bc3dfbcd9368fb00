from sqlalchemy import select

from ostiary.directory.models import Group
from ostiary.storage.any_case import holds_text
from ostiary.storage.session import Database


async def test_a_text_is_found_in_any_case_and_signs_mean_themselves(database: Database) -> None:
    names = ("100% Staff", "100 staff", "a_b", "axb", "back\\slash", "quote'", "plain")
    async with database.writing() as w:
        w.add_all([Group(name=name) for name in names])
    for text, found in (
        ("STAFF", {"100% Staff", "100 staff"}),
        ("100%", {"100% Staff"}),
        ("a_b", {"a_b"}),
        ("\\", {"back\\slash"}),
        ("quote'", {"quote'"}),
        ("%", {"100% Staff"}),
        ("nothing", set()),
        ("", set(names)),
    ):
        async with database.reading() as r:
            assert set(await r.scalars(select(Group.name).where(holds_text(text, Group.name)))) == found


async def test_one_of_several_columns_is_enough_and_no_column_holds_nothing(database: Database) -> None:
    async with database.writing() as w:
        w.add(Group(name="plain", id="11111111-1111-4111-8111-111111111111"))
    async with database.reading() as r:
        for text, columns, found in (
            ("PLAIN", (Group.id, Group.name), ["plain"]),
            ("1111", (Group.id, Group.name), ["plain"]),
            ("", (), []),
        ):
            assert (await r.scalars(select(Group.name).where(holds_text(text, *columns)))).all() == found
