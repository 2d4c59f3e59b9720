"""Accounts: projects, users and keys; who may come in, and as whom."""

from farm.accounts.keys import (
    USE_SECONDS,
    KeyRow,
    NewKey,
    create_key,
    find_key,
    list_keys,
    list_keys_of,
    note_use,
    revoke_key,
)
from farm.accounts.sessions import SESSION_SECONDS, begin_session, end_session, find_session
from farm.accounts.sign_in import Principal, authenticate, authenticate_password, redeem, sign_in_link
from farm.accounts.staff import UserRow, change_user, list_users, new_password_hash, remove_user
from farm.accounts.users import (
    FIRST_PROJECT,
    FirstAccount,
    ProjectRow,
    create_project,
    create_user,
    ensure_first_project,
    find_project,
    find_user,
    list_projects,
    user_name,
)

__all__ = [
    "FIRST_PROJECT",
    "SESSION_SECONDS",
    "USE_SECONDS",
    "FirstAccount",
    "KeyRow",
    "NewKey",
    "Principal",
    "ProjectRow",
    "UserRow",
    "authenticate",
    "authenticate_password",
    "begin_session",
    "change_user",
    "create_key",
    "create_project",
    "create_user",
    "end_session",
    "ensure_first_project",
    "find_key",
    "find_project",
    "find_session",
    "find_user",
    "list_keys",
    "list_keys_of",
    "list_projects",
    "list_users",
    "new_password_hash",
    "note_use",
    "redeem",
    "remove_user",
    "revoke_key",
    "sign_in_link",
    "user_name",
]
