"""What deeds of the audit log are called on its page; programs filter by their codes."""

from collections.abc import Mapping

from farm.audit.record import Action
from farm.sentences import Sentence, sentence

ACTION_NAMES: Mapping[Action, Sentence] = {
    Action.SESSION_BEGUN: sentence("signed in"),
    Action.SESSION_REFUSED: sentence("was refused a sign-in"),
    Action.SESSION_ENDED: sentence("signed out"),
    Action.LINK_CREATED: sentence("made a link to sign in"),
    Action.KEY_CREATED: sentence("made a key"),
    Action.KEY_REVOKED: sentence("revoked a key"),
    Action.USER_CREATED: sentence("added a person"),
    Action.USER_CHANGED: sentence("changed a person"),
    Action.USER_REMOVED: sentence("removed a person"),
    Action.PROJECT_CREATED: sentence("made a project"),
    Action.PROJECT_CHANGED: sentence("changed a project"),
    Action.PROJECT_PAUSED: sentence("paused a project"),
    Action.PROJECT_RESUMED: sentence("resumed a project"),
    Action.JOB_DELETED: sentence("deleted a job"),
    Action.JOB_RESTORED: sentence("restored a job"),
    Action.RENDER_DELETED: sentence("deleted a render"),
    Action.RENDER_RESTORED: sentence("restored a render"),
    Action.INPUT_DELETED: sentence("deleted an upload"),
    Action.SHARE_LINK_CREATED: sentence("made a share link"),
    Action.SHARE_LINK_REVOKED: sentence("revoked a share link"),
    Action.WEBHOOK_CREATED: sentence("made a webhook"),
    Action.WEBHOOK_CHANGED: sentence("changed a webhook"),
    Action.WEBHOOK_DELETED: sentence("removed a webhook"),
    Action.LANE_PAUSED: sentence("paused a lane"),
    Action.LANE_RESUMED: sentence("resumed a lane"),
    Action.POOL_PAUSED: sentence("paused a pool"),
    Action.POOL_RESUMED: sentence("resumed a pool"),
    Action.POOL_SCALED: sentence("changed the size of a pool"),
    Action.WORKER_RELEASED: sentence("let a worker out of quarantine"),
    Action.WORKER_DRAINED: sentence("drained a worker"),
}


def action_name(code: str) -> str:
    """The name of a deed; of one that an older or newer farm wrote, its code."""
    return ACTION_NAMES[Action(code)] if code in list(Action) else code
