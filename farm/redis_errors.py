"""What a Redis means that is lost or refuses, in words for people, without the address and its password."""

import re

import redis
from redis.sentinel import MasterNotFoundError

from farm.tls_trust import causes, distrusted

CA_SETTING = "FARM_REDIS_CA_FILE"
#: The first word of an error that Redis answers: what it means, and what to do.
MEANINGS = {
    "READONLY": "this server is a replica, which takes no writes; after a failover FARM_REDIS_URL must lead to the "
    "new primary, or name its Sentinels (redis+sentinel://)",
    "MASTERDOWN": "this replica has lost its primary",
    "LOADING": "the server is still loading its data",
    "BUSY": "the server is busy with a script",
    "OOM": "the server's memory is full (its maxmemory); give it more, or let it drop keys (maxmemory-policy)",
    "MISCONF": "the server cannot write its data to the disk: is it full?",
    "CLUSTERDOWN": "the cluster cannot serve this key now",
    "MOVED": "this is a node of a cluster; the farm needs a server, a Sentinel's primary or a proxy",
    "UNBLOCKED": "the server broke off a waiting command, as in a failover",
    "NOREPLICAS": "the server has too few replicas to take writes",
    "NOAUTH": "the server wants a password; set it in FARM_REDIS_URL",
    "WRONGPASS": "the server refuses the user or password of FARM_REDIS_URL",
    "NOPERM": "the user of FARM_REDIS_URL lacks the right to this command",
}
_CODE = re.compile(rf"\b({'|'.join(MEANINGS)})\b")


def is_refusal(error: BaseException) -> bool:
    """Whether the server answered, with an error, and would answer other commands: it is not away."""
    return isinstance(error, redis.ResponseError)


def reason(error: BaseException) -> str:
    """Why a Redis could not be used, whichever it is."""
    return refusal(error) if is_refusal(error) else loss(error)


def refusal(error: BaseException) -> str:
    """The server's code, and what it means: 'READONLY: this server is a replica, …'."""
    code = _code(error)
    meaning = MEANINGS.get(code)
    return f"{code}: {meaning}" if meaning else code


def loss(error: BaseException) -> str:
    """Why a server is lost: refused password, distrusted certificate, no answer, or what the system says."""
    if words := distrusted(error, CA_SETTING):
        return words
    for cause in causes(error):
        if isinstance(cause, redis.AuthenticationError | redis.BusyLoadingError):
            return refusal(cause)
        if isinstance(cause, MasterNotFoundError):
            return "no Sentinel knows a primary of that name now"
        if isinstance(cause, redis.TimeoutError | TimeoutError):
            return "no answer in time"
        if isinstance(cause, OSError) and cause.strerror:
            return f"cannot be reached: {cause.strerror}"
    return f"cannot be reached: {type(error).__name__}"


def _code(error: BaseException) -> str:
    """The word that the protocol puts first. redis-py cuts it off where it has a class of its own for it."""
    if known := getattr(error, "status_code", None):
        return str(known)
    # Of a pipeline it writes the command's number before it.
    found = _CODE.search(str(error))
    return found[0] if found else type(error).__name__
