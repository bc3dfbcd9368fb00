"""Every kind of fact the audit log can hold, each with one sentence. docs/events.md is generated from here."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """The name of a fact. authentik's names where it has one, so that searches written for it still match."""

    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGOUT = "logout"
    LOCKOUT = "lockout"
    USER_WRITE = "user_write"
    PASSWORD_SET = "password_set"  # noqa: S105 - the name of a fact
    SECRET_VIEW = "secret_view"  # noqa: S105 - the name of a fact
    SECRET_ROTATE = "secret_rotate"  # noqa: S105 - the name of a fact
    KEY_ROTATE = "key_rotate"
    KEY_DISCARD = "key_discard"
    AUTHORIZE_APPLICATION = "authorize_application"
    ACCESS_REFUSED = "access_refused"
    IMPERSONATION_STARTED = "impersonation_started"
    IMPERSONATION_ENDED = "impersonation_ended"
    MODEL_CREATED = "model_created"
    MODEL_UPDATED = "model_updated"
    MODEL_DELETED = "model_deleted"
    POLICY_EXCEPTION = "policy_exception"
    CONFIGURATION_WARNING = "configuration_warning"
    SETUP_COMPLETED = "setup_completed"
    DATA_RESTORED = "data_restored"
    CUSTOM = "custom_"

    @property
    def in_the_api(self) -> str:
        """The name of authentik's that clients of the API know it by."""
        if self in AUTHENTIKS:
            return str(self)
        return _NEAREST.get(self, str(Action.CUSTOM))

    @property
    def sentence(self) -> str:
        """What happened when an event of this kind is written."""
        return _SENTENCES[self]


AUTHENTIKS: Final[Mapping[str, str]] = {
    "login": "Login",
    "login_failed": "Login Failed",
    "logout": "Logout",
    "user_write": "User Write",
    "user_offboarded": "User Offboarded",
    "suspicious_request": "Suspicious Request",
    "password_set": "Password Set",
    "secret_view": "Secret View",
    "secret_rotate": "Secret Rotate",
    "invitation_used": "Invite Used",
    "authorize_application": "Authorize Application",
    "source_linked": "Source Linked",
    "impersonation_started": "Impersonation Started",
    "impersonation_ended": "Impersonation Ended",
    "flow_execution": "Flow Execution",
    "policy_execution": "Policy Execution",
    "policy_exception": "Policy Exception",
    "property_mapping_exception": "Property Mapping Exception",
    "system_task_execution": "System Task Execution",
    "system_task_exception": "System Task Exception",
    "system_exception": "System Exception",
    "configuration_error": "Configuration Error",
    "configuration_warning": "Configuration Warning",
    "model_created": "Model Created",
    "model_updated": "Model Updated",
    "model_deleted": "Model Deleted",
    "email_sent": "Email Sent",
    "update_available": "Update Available",
    "export_ready": "Export Ready",
    "review_initiated": "Review Initiated",
    "review_overdue": "Review Overdue",
    "review_attested": "Review Attested",
    "review_completed": "Review Completed",
    "access_request_created": "Access Request Created",
    "access_request_approved": "Access Request Approved",
    "access_request_denied": "Access Request Denied",
    "access_request_revoked": "Access Request Revoked",
    "custom_": "Custom",
}
"""authentik's actions, the only ones that its clients can read, with what people call them."""

# Ours that authentik has no name for, by the nearest that it has; any other of ours is `custom_`.
_NEAREST: Final[Mapping[str, str]] = {
    "lockout": "suspicious_request",
    "key_rotate": "secret_rotate",
    "key_discard": "secret_rotate",
}


def recorded_as(api_name: str) -> list[str]:
    """The actions that clients of the API know by that name, as they are recorded."""
    return [str(action) for action in Action if action.in_the_api == api_name]


_SENTENCES: Final[Mapping[Action, str]] = {
    Action.LOGIN: "A person signed in and a session began.",
    Action.LOGIN_FAILED: "A sign-in was refused; the name is recorded only if an account has it.",
    Action.LOGOUT: "A session was ended, of everything or of one application, by its owner or by an administrator.",
    Action.LOCKOUT: "Too many failed sign-ins: an account, a known device or a client address is locked for a while.",
    Action.USER_WRITE: "A user was created or changed; the context names the fields.",
    Action.PASSWORD_SET: "A password was set, by its owner or an administrator; that person's other sessions ended.",
    Action.SECRET_VIEW: "A stored secret, such as a token's key, was shown to somebody.",
    Action.SECRET_ROTATE: "A token or a path secret was replaced; the old one stops, at once or after a while.",
    Action.KEY_ROTATE: "Another key began to sign; the one before stays published until nothing it signed is good.",
    Action.KEY_DISCARD: "All keys that sign were replaced at once, and nothing that they signed is good any more.",
    Action.AUTHORIZE_APPLICATION: "A person was let through to an application and a session there began.",
    Action.ACCESS_REFUSED: "A known person was refused at an application; once an hour per session and reason.",
    Action.IMPERSONATION_STARTED: "An administrator began to act as another person; the context says why.",
    Action.IMPERSONATION_ENDED: "An administrator stopped acting as another person.",
    Action.MODEL_CREATED: "An object other than a user was created.",
    Action.MODEL_UPDATED: "An object other than a user was changed.",
    Action.MODEL_DELETED: "An object was deleted.",
    Action.POLICY_EXCEPTION: "A policy failed while it was evaluated, and therefore denied.",
    Action.CONFIGURATION_WARNING: "Something works, but its configuration is likely not what was meant.",
    Action.SETUP_COMPLETED: "The first administrator was set up; the set-up page is closed for good.",
    Action.DATA_RESTORED: "A backup was restored and a new incarnation of the data began.",
    Action.CUSTOM: "A program told a fact of its own through the API; the part is what it called itself.",
}


def page() -> str:
    """docs/events.md."""
    rows = "\n".join(f"| `{action}` | `{action.in_the_api}` | {action.sentence} |" for action in Action)
    return f"""# Events

Ostiary keeps an audit log in its database. Whatever changes who may do what writes its event in the same transaction
as the change, so there is neither a change without its event nor an event without its change. `ostiary events` lists
the log, `ostiary events --follow` goes on as events happen. Events older than the setting
`events.retention` are removed.

An event holds the time, the action, the part of Ostiary that recorded it, who did it (`pk` and `username`; nobody for
the system itself; `cli` is somebody at the command line; of an administrator who acts as another person, the
administrator, and `on_behalf_of` names that person), the client's address, and a context. It holds copies, not
references, and outlives what it names. Passwords, keys, codes and cookie values are never in it.

The API has authentik's names, because its clients can read no others; where ours is another, the context's `action`
holds ours. A program with the permission `authentik_events.add_event` may add `custom_` events, which are always its
own: nobody says who did it, or when. **No event can be changed or deleted**, whatever authentik's API offers: such a
request is refused (403, `event.immutable`).

| action | in the API | what happened |
|---|---|---|
{rows}
"""
