"""Which applications a person may open, asked of the one function that their doors ask too."""

from datetime import datetime

from ostiary.access.authorize import authorize
from ostiary.access.explain import rules_of, subject_of
from ostiary.applications.registry import listed
from ostiary.directory.users import existing
from ostiary.kit.expressions import Compiler
from ostiary.policies.engine import VOCABULARY, Question
from ostiary.storage.session import Reading


async def openable(
    r: Reading, user_id: int, now: datetime, client_ip: str = "", compiler: Compiler | None = None
) -> set[str]:
    """Their ids. A compiler takes a while to make; hand in one of ``VOCABULARY``."""
    compiler = compiler or Compiler(VOCABULARY)
    question = Question(now=now, client_ip=client_ip)
    subject = await subject_of(r, await existing(r, user_id))
    return {
        protected.application.id
        for protected in await listed(r)
        if authorize(await rules_of(r, protected.application, compiler), subject, question).allowed
    }
