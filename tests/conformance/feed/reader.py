"""One reader for both databases, and a small house whose rows the cases change."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert
from sqlalchemy.engine import make_url

from ostiary.applications.models import Application, PathSecret, Provider, ProxyProvider
from ostiary.brands.models import Brand
from ostiary.directory.models import Group, GroupParent, Membership, Token, User
from ostiary.flows.models import Flow
from ostiary.keys.models import SigningKey
from ostiary.mappings.models import PropertyMapping, ProviderMapping
from ostiary.policies.models import Policy, PolicyBinding
from ostiary.sessions.models import AppSession, Session, Ticket
from ostiary.storage.feed import DROP, Answer
from ostiary.storage.feed_postgres import PostgresFeed
from ostiary.storage.feed_sqlite import SqliteFeed
from ostiary.storage.models import Installation
from ostiary.storage.session import Database, Writing

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Reader:
    """What a worker does: asks whether anything moved, and what."""

    def __init__(self, url: str) -> None:
        database = make_url(url).database
        assert database
        self.feed = SqliteFeed(database) if url.startswith("sqlite") else PostgresFeed(url)

    async def changes(self) -> Answer:
        if isinstance(self.feed, PostgresFeed):
            return await self.feed.poll()
        return self.feed.read() if self.feed.moved() else []

    async def seen(self) -> set[tuple[str, str]]:
        """The changes as a set; fails on DROP."""
        answer = await self.changes()
        assert answer is not DROP
        return set(answer)

    async def close(self) -> None:
        if isinstance(self.feed, PostgresFeed):
            await self.feed.close()
        else:
            self.feed.close()


async def furnish(database: Database, people: int = 2) -> None:
    """One row in every table that decides access, and ``people`` people, each with a session ``s<n>`` and ``a<n>``."""
    async with database.writing() as w:
        await w.execute(
            insert(Installation).values(id=1, incarnation="first", created=NOW, canary="", setup_failures=0)
        )
        await w.execute(insert(Group).values([{"id": "g", "name": "staff"}, {"id": "top", "name": "all"}]))
        await w.execute(insert(GroupParent).values(group_id="g", parent_id="top"))
        await w.execute(
            insert(Provider).values(id=1, type="proxy", name="p", authorization_flow="f", invalidation_flow="f")
        )
        await w.execute(
            insert(ProxyProvider).values(id=1, mode="forward_single", external_host="https://a", host_key="a")
        )
        await w.execute(
            insert(Application).values(id="app", slug="a", name="A", access="bound", provider_id=1, created=NOW)
        )
        await w.execute(insert(PropertyMapping).values(id="map", name="m", header="X-M", expression="'x'", created=NOW))
        await w.execute(insert(ProviderMapping).values(provider_id=1, mapping_id="map"))
        await w.execute(insert(PathSecret).values(id="sec", name="s", start="s", secret_hash="s", created=NOW))
        await w.execute(
            insert(SigningKey).values(
                id="key", kid="k", algorithm="ES256", state="current", public={}, private="", created=NOW
            )
        )
        await w.execute(insert(Flow).values(id="flow", slug="f", name="F", title="F", designation="authorization"))
        await w.execute(insert(Brand).values(id="brand", domain="b.example", is_default=False))
        await w.execute(insert(Policy).values(id="pol", name="pol", expression="true"))
        await w.execute(insert(PolicyBinding).values(id="bg", application_id="app", group_id="g"))
        await w.execute(insert(PolicyBinding).values(id="bp", application_id="app", policy_id="pol"))
        for number in range(1, people + 1):
            await add_person(w, number)


async def add_person(w: Writing, number: int) -> None:
    await w.execute(insert(User).values(id=number, username=f"u{number}", created=NOW))
    await w.execute(insert(Membership).values(user_id=number, group_id="g"))
    await w.execute(
        insert(Token).values(
            id=f"t{number}", identifier=f"t{number}", user_id=number, intent="api", key_hash=f"{number}", created=NOW
        )
    )
    await w.execute(insert(Session).values(session_row(f"s{number}", number)))
    await w.execute(insert(AppSession).values(app_session_row(f"a{number}", f"s{number}")))
    await w.execute(
        insert(Ticket).values(
            token_hash=f"k{number}",
            session_id=f"s{number}",
            provider_id=1,
            kind="callback",
            host="a",
            nonce_hash="",
            return_url="",
            expires=NOW + timedelta(seconds=30),
        )
    )


def session_row(session_id: str, user_id: int) -> dict[str, object]:
    return {
        "id": session_id,
        "token_hash": session_id,
        "user_id": user_id,
        "created": NOW,
        "authenticated": NOW,
        "method": "password",
        "last_used": NOW,
        "expires": NOW + timedelta(days=1),
    }


def app_session_row(app_session_id: str, session_id: str) -> dict[str, object]:
    return {
        "id": app_session_id,
        "token_hash": app_session_id,
        "session_id": session_id,
        "provider_id": 1,
        "kind": "app",
        "host": "a",
        "created": NOW,
        "expires": NOW + timedelta(days=1),
    }
