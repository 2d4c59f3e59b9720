"""How often a demo model shows what was asked, by its card, and what that promises for a few pictures."""

from __future__ import annotations

from math import comb
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from farm.errors import FarmError, in_words
from farm.file_errors import file_error

#: Beside the weights and the card of each demo model.
RATES_FILE = "rates.json"
#: How often, at most, a model that is as good as its card says may be called worse.
FALSE_ALARM = 0.02


class NoRates(FarmError):
    """The model does not state how often it shows what was asked."""

    type = "no-rates"
    title = "No rates stated"


class Rates(BaseModel):
    """Shares (0 to 1) of held-out captions whose attributes were right, and with which settings."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    captions: int
    num_inference_steps: int
    guidance_scale: float
    attributes: dict[str, float]
    all: float

    def least_right(self, count: int, attribute: str | None = None) -> int:
        """How many of `count` must be right in one attribute, or in all, so that this model falls below it in one
        run of fifty at most.

        The lower bound of the binomial distribution: for few pictures it lies below `all * count`, because
        chance weighs more there. The card's rate is a measurement too, of `captions` cases: it is taken with
        one more case right and one more wrong (Laplace's rule), so that 64 of 64 does not promise perfection.
        """
        stated = self.all if attribute is None else self.attributes[attribute]
        rate = (stated * self.captions + 1) / (self.captions + 2)
        below = 0.0
        for right in range(count):
            below += comb(count, right) * rate**right * (1 - rate) ** (count - right)
            if below > FALSE_ALARM:
                return right
        return count


def read_rates(weights: Path | None) -> Rates:
    """The rates stated in the folder of a model's weights. Raises NoRates."""
    if weights is None:
        raise NoRates("The model has no folder of weights here, and so no rates.")
    try:
        return Rates.model_validate_json((weights / RATES_FILE).read_text(encoding="utf-8"))
    except OSError as error:
        raise NoRates(f"The model's rates are not stated: {file_error(error)}") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'/'.join(map(str, found['loc']))}: {in_words(found['msg'])}" for found in error.errors())
        raise NoRates(f"{weights / RATES_FILE} does not state the model's rates: {wrong}") from error
