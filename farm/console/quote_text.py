"""What a dry run says, in words for people."""

from farm.client import Cost, Quote
from farm.console.durations import in_words, length
from farm.console.session import print_json, say


def show_quote(quote: Quote, *, as_json: bool) -> None:
    """Print a quote: one line a fact, or one line of JSON."""
    if as_json:
        print_json(quote.model_dump(mode="json"))
        return
    for notice in quote.notices:
        say(f"Note: {notice}", "yellow")
    print(f"{quote.renders:,} render{'' if quote.renders == 1 else 's'}; nothing was accepted")
    for shape in quote.shapes:
        frames = f" x {shape.frames} frames" if shape.frames > 1 else ""
        print(f"  {shape.renders:,} of {shape.width}x{shape.height}{frames}")
    print(f"costs {in_words(quote.gpu_seconds)} of GPU time{_price(quote)}")
    if quote.starts_in is not None:
        print(f"starts in {in_words(quote.starts_in)}")
    if quote.done_in is not None:
        print(f"done in {in_words(quote.done_in)}")


def _price(quote: Quote) -> str:
    parts = [f"{quote.money:,.4g} {quote.currency}"] if quote.money else []
    parts += [f"{quote.watt_hours:,.3g} Wh"] if quote.watt_hours else []
    return f": {', '.join(parts)}" if parts else ""


def cost_in_words(cost: Cost) -> str:
    """'12.4 s of GPU time, 0.0034 EUR, 1.2 Wh'; what is nothing is left out."""
    parts = [f"{length(cost.gpu_seconds)} of GPU time"]
    parts += [f"{cost.money:,.4g} {cost.currency}"] if cost.money else []
    parts += [f"{cost.watt_hours:,.3g} Wh"] if cost.watt_hours else []
    return ", ".join(parts)
