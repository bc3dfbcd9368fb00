"""Which applications a person may open, asked of the one function that their doors ask too."""

from datetime import datetime

from sqlalchemy import select

from ostiary.access.authorize import authorize
from ostiary.access.explain import knowing, rules_from, subject_of
from ostiary.applications.bindings import all_bindings
from ostiary.applications.models import Application
from ostiary.directory.users import existing
from ostiary.policies.engine import Question
from ostiary.policies.types import PolicyCompiler
from ostiary.storage.session import Reading


async def openable(
    r: Reading, user_id: int, now: datetime, client_ip: str = "", compiler: PolicyCompiler | None = None
) -> set[str]:
    """Their ids. A compiler takes a while to make; hand in one that is kept."""
    compiler = compiler or PolicyCompiler()
    subject = await subject_of(r, await existing(r, user_id))
    question = await knowing(r, subject, Question(now=now, client_ip=client_ip))
    bindings = await all_bindings(r)
    return {
        application.id
        for application in await r.scalars(select(Application).where(Application.enabled))
        if authorize(rules_from(application, bindings.get(application.id, ()), compiler), subject, question).allowed
    }
