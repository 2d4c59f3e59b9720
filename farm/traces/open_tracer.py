"""Whether spans are collected, by the settings."""

from farm.errors import Fault, SettingsError
from farm.settings import Settings
from farm.traces.tracer import NOBODY_COLLECTS, Tracer


def open_tracer(settings: Settings) -> Tracer:
    """Who takes the spans of this process. Raises SettingsError where what sends them is not installed."""
    if settings.traces_endpoint is None:
        return NOBODY_COLLECTS
    try:
        from farm.traces.otlp import OtlpTracer
    except ModuleNotFoundError as error:
        place = settings.origin("traces_endpoint")
        raise SettingsError(
            [Fault(f"{place}: traces_endpoint", f"needs latent-farm[traces], and {error.name} is not installed here")]
        ) from None
    return OtlpTracer(settings.traces_endpoint, settings.traces_share)
