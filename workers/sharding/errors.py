"""Why a model cannot be spread over several devices."""


class ShardingFailed(ValueError):
    """The model cannot be split as its pool says; the message says why and what would do."""
