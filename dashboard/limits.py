"""How large a body may be: small, but for the addresses that take files."""

from flask import Flask, request

from farm.settings import Settings

#: Endpoints whose body is a picture or an adapter, alone or in a form.
_FILES = frozenset({"api.post_inputs", "inputs.add"})
#: What a form has around the file.
_FORM_BYTES = 100_000


def register(app: Flask, settings: Settings) -> None:
    """Set the limits, before anything looks into a body (the guard looks for a form's token)."""
    app.config.update(MAX_CONTENT_LENGTH=settings.max_body_bytes, MAX_FORM_MEMORY_SIZE=settings.max_body_bytes)

    def allow() -> None:
        if request.endpoint in _FILES:
            request.max_content_length = max(settings.max_input_bytes, settings.max_adapter_bytes) + _FORM_BYTES

    app.before_request(allow)
