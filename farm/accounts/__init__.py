"""Accounts: projects, users and keys; who may come in, and as whom."""

from farm.accounts.keys import KeyRow, NewKey, create_key, list_keys, revoke_key
from farm.accounts.people import (
    FIRST_PROJECT,
    FirstAccount,
    ProjectRow,
    create_project,
    create_user,
    ensure_first_project,
    find_project,
    find_user,
    list_projects,
)
from farm.accounts.sign_in import Principal, authenticate, authenticate_password, redeem, sign_in_link

__all__ = [
    "FIRST_PROJECT",
    "FirstAccount",
    "KeyRow",
    "NewKey",
    "Principal",
    "ProjectRow",
    "authenticate",
    "authenticate_password",
    "create_key",
    "create_project",
    "create_user",
    "ensure_first_project",
    "find_project",
    "find_user",
    "list_keys",
    "list_projects",
    "redeem",
    "revoke_key",
    "sign_in_link",
]
