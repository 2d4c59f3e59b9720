"""Accounts: projects, users and keys; who may come in, and as whom."""

from farm.accounts.keys import KeyRow, NewKey, create_key, list_keys, revoke_key
from farm.accounts.people import (
    FirstAccount,
    create_project,
    create_user,
    ensure_first_project,
    find_project,
    find_user,
)
from farm.accounts.sign_in import Principal, authenticate, authenticate_password, redeem, sign_in_link

__all__ = [
    "FirstAccount",
    "KeyRow",
    "NewKey",
    "Principal",
    "authenticate",
    "authenticate_password",
    "create_key",
    "create_project",
    "create_user",
    "ensure_first_project",
    "find_project",
    "find_user",
    "list_keys",
    "redeem",
    "revoke_key",
    "sign_in_link",
]
