"""The address of a Redis, as the settings take it: of one server, of a socket, or of Sentinels."""

import re
from urllib.parse import urlsplit

from pydantic import SecretStr

from farm.redis_options import check_options
from farm.redis_sentinel import SCHEMES, is_sentinel, parse
from farm.settings_values import with_place, with_scheme


def redis_address(url: SecretStr) -> SecretStr:
    """The address as it is. Raises ValueError, without the address, for one that the farm cannot connect to."""
    text = url.get_secret_value()
    if is_sentinel(text):
        parse(text)
    elif text.startswith(("redis://", "rediss://")):
        path = urlsplit(with_place(url).get_secret_value()).path
        if not re.fullmatch("/?[0-9]{0,9}", path):
            raise ValueError("the database behind the host must be a number, of at most 9 digits")
    check_options(text)
    return with_scheme(url, ("redis", "rediss", "unix", "redis+socket", *SCHEMES))
