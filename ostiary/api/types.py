"""The types of which an object can be made, as pages of clients offer them."""

from pydantic import BaseModel

from ostiary.objects.kind import Kind


class TypeCreate(BaseModel):
    """A type: its name, what it is for, and the form that makes one."""

    name: str
    description: str
    component: str
    model_name: str
    icon_url: str | None = None
    requires_enterprise: bool = False
    deprecated: bool = False

    @classmethod
    def of(cls, kind: Kind, description: str) -> "TypeCreate":
        """The type that a kind is."""
        return cls(
            name=kind.words.name,
            description=description,
            component=kind.words.component,
            model_name=kind.words.model,
        )
