"""Which applications a person may open, asked of the one function that their doors ask too."""

from datetime import datetime

from ostiary.access.authorize import authorize
from ostiary.access.explain import knowing, rules_of, subject_of
from ostiary.applications.registry import listed
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
    return {
        protected.application.id
        for protected in await listed(r)
        if authorize(await rules_of(r, protected.application, compiler), subject, question).allowed
    }
