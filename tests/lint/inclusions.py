"""Puts the files that a page shows into it: ``python -m tests.lint.inclusions`` rewrites every page.

A page names a file in the line above a fence, ``<!-- file: examples/nginx/hello.conf -->``; the fence then holds that
file and nothing else.
"""

import re

from tests.lint.rules import ROOT

_FENCE = re.compile(r"^(<!-- file: (\S+) -->\n```\w*\n)(.*?)^(```)$", re.MULTILINE | re.DOTALL)


def included(text: str) -> str:
    """The page with every named fence filled."""
    return _FENCE.sub(lambda found: found[1] + (ROOT / found[2]).read_text() + found[4], text)


def main() -> None:
    """Rewrites the pages whose files have changed."""
    for page in (ROOT / "docs").rglob("*.md"):
        text = page.read_text()
        if text != included(text):
            page.write_text(included(text))


if __name__ == "__main__":
    main()
