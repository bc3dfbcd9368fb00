"""A flow as a picture, in Mermaid's words. Pure."""

from ostiary.flows.plan import Plan


def diagram(plan: Plan) -> str:
    """From the visitor through each stage to the end."""
    lines = ["graph TD", f'flow_start["{_quoted(plan.title)}"]']
    before, arrow = "flow_start", "-->"
    for number, stage in enumerate(plan.stages):
        here = f"stage_{number}"
        lines.append(f'{here}["{_quoted(stage.type)}<br>{_quoted(stage.name)}"]')
        lines.append(f"{before} {arrow} {here}")
        before = here
        if stage.type == "deny":
            break
    lines += ['done(["End of the flow"])', f"{before} {arrow} done"]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """As Mermaid writes what would end a label or begin markup."""
    for sign in "#&<>\"'`;":
        text = text.replace(sign, f"\0{ord(sign)};")
    return text.replace("\0", "#")
