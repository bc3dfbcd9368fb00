import asyncio

from sqlalchemy import text

from ostiary.storage.leases import Leases
from ostiary.storage.session import Database


async def _let_expire(database: Database) -> None:
    async with database.writing() as w:
        await w.execute(text("UPDATE leases SET expires = 1"))


async def test_one_holds_a_lease_and_prolongs_it_under_the_same_number(database: Database) -> None:
    ours, theirs = Leases(database, "a"), Leases(database, "b")
    assert await ours.acquire("trim", 60) == 1
    assert await theirs.acquire("trim", 60) is None
    assert await ours.acquire("trim", 60) == 1
    assert await theirs.acquire("mail", 60) == 1


async def test_the_number_grows_with_every_new_holding(database: Database) -> None:
    ours, theirs = Leases(database, "a"), Leases(database, "b")
    assert await ours.acquire("trim", 60) == 1
    await _let_expire(database)
    assert await theirs.acquire("trim", 60) == 2
    await theirs.release("trim")
    assert await theirs.acquire("trim", 60) == 3
    await ours.release("trim")
    assert await ours.acquire("trim", 60) is None


async def test_of_many_that_ask_at_once_one_gets_it(database: Database) -> None:
    answers = await asyncio.gather(*(Leases(database, f"h{n}").acquire("trim", 60) for n in range(10)))
    assert [answer for answer in answers if answer is not None] == [1]
