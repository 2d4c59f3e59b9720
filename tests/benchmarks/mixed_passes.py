"""Sana's transformer over renders of different sizes in one pass, in two ways; what `mixed-shapes` compares.

Both leave diffusers' weights and modules as they are and give each render what it is alone, but for the order in
which kernels add. A render touches its neighbours nowhere: its linear attention sums over its own positions only, and
the 3 x 3 convolution of the feed-forward finds zeros beyond its border, as it does alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import SanaTransformer2DModel
from diffusers.models.embeddings import get_2d_sincos_pos_embed
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """What goes through the transformer: latents of (1, channels, height, width) of any sizes, and for each its text
    (tokens, width), the mask of that (tokens,) and its timestep."""

    latents: Sequence[Tensor]
    text: Tensor
    mask: Tensor
    timesteps: Tensor

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of each, in latent positions."""
        return [(row.shape[-2], row.shape[-1]) for row in self.latents]

    def of(self, places: Sequence[int]) -> "Rows":
        """Some of the rows."""
        chosen = torch.tensor(places)
        return Rows([self.latents[i] for i in places], self.text[chosen], self.mask[chosen], self.timesteps[chosen])


def apart(transformer: Any, rows: Rows) -> list[Tensor]:
    """A pass for each size, as the farm does it: what the others are measured against."""
    found: dict[int, Tensor] = {}
    for size in dict.fromkeys(rows.sizes):
        places = [place for place, other in enumerate(rows.sizes) if other == size]
        some = rows.of(places)
        predicted = transformer(
            torch.cat(list(some.latents)),
            encoder_hidden_states=some.text,
            encoder_attention_mask=some.mask,
            timestep=some.timesteps,
            return_dict=False,
        )[0]
        found.update(zip(places, predicted.split(1), strict=True))
    return [found[place] for place in range(len(rows.latents))]


class Packed:
    """One pass over all positions of all renders, one after the other, without any padding.

    What looks at one position alone (projections, 1 x 1 convolutions, norms) takes them all at once; attention and the
    3 x 3 convolution, which look around, take the renders of one size together.
    """

    def __init__(self, transformer: SanaTransformer2DModel) -> None:
        self.transformer: Any = transformer

    def __call__(self, rows: Rows) -> list[Tensor]:
        """Predictions of (1, channels, height, width), one for each row."""
        order = sorted(range(len(rows.latents)), key=lambda place: rows.sizes[place])
        found = self._sorted(rows.of(order))
        return [found[order.index(place)] for place in range(len(order))]

    def _sorted(self, rows: Rows) -> list[Tensor]:
        model, count = self.transformer, len(rows.latents)
        groups = [_Group(size, rows.sizes.count(size)) for size in dict.fromkeys(rows.sizes)]
        starts = [sum(group.rows for group in groups[:place]) for place in range(len(groups))]
        hidden = torch.cat(
            [
                model.patch_embed(torch.cat(list(rows.latents[start : start + group.rows]))).flatten(0, 1)
                for start, group in zip(starts, groups, strict=True)
            ]
        )
        time, embedded = model.time_embed(rows.timesteps, batch_size=count, hidden_dtype=hidden.dtype)
        text = model.caption_norm(model.caption_projection(rows.text).view(count, -1, hidden.shape[-1]))
        bias = (1 - rows.mask.to(hidden.dtype))[:, None, None] * -10000.0
        each = torch.repeat_interleave(
            torch.arange(count),
            torch.tensor([group.height * group.width for group in groups for _ in range(group.rows)]),
        ).to(hidden.device)
        for block in model.transformer_blocks:
            moved = block.scale_shift_table[None] + time.reshape(count, 6, -1)
            shift, scale, gate, shift_ff, scale_ff, gate_ff = (part[each] for part in moved.unbind(1))
            normed = torch.addcmul(shift, block.norm1(hidden), 1 + scale)
            hidden = torch.addcmul(hidden, gate, _linear_attention(block.attn1, normed, groups))
            hidden = hidden + _cross_attention(block.attn2, hidden, text, bias, groups)
            normed = torch.addcmul(shift_ff, block.norm2(hidden), 1 + scale_ff)
            hidden = torch.addcmul(hidden, gate_ff, _feed_forward(block.ff, normed, groups))
        shift, scale = (part[each] for part in (model.scale_shift_table[None] + embedded[:, None]).unbind(1))
        predicted = model.proj_out(torch.addcmul(shift, model.norm_out.norm(hidden), 1 + scale))
        return [row for group, part in _split(groups, predicted) for row in torch.split(group.laid_out(part), 1)]


@dataclass(frozen=True)
class _Group:
    """Renders of one size, next to each other in the positions."""

    size: tuple[int, int]
    rows: int

    @property
    def height(self) -> int:
        return self.size[0]

    @property
    def width(self) -> int:
        return self.size[1]

    @property
    def length(self) -> int:
        """Positions of all of them."""
        return self.rows * self.size[0] * self.size[1]

    def laid_out(self, positions: Tensor) -> Tensor:
        """(positions, channels) as (rows, channels, height, width), without a copy."""
        return positions.view(self.rows, *self.size, -1).permute(0, 3, 1, 2)


def _split(groups: list[_Group], positions: Tensor) -> list[tuple[_Group, Tensor]]:
    return list(zip(groups, torch.split(positions, [group.length for group in groups]), strict=True))


class Padded:
    """One batch of the largest height by the largest width; what is beyond a render counts as nothing.

    Hooks and an attention processor zero it in front of each sum and each convolution. Without a mask (renders of one
    size) they do nothing.
    """

    def __init__(self, transformer: SanaTransformer2DModel) -> None:
        self.transformer: Any = transformer
        self._inside: Tensor | None = None  # (rows, 1, height, width), 1 inside a render
        self._sizes: list[tuple[int, int]] = []
        self._positions: dict[tuple[int, int], Tensor | None] = {}
        transformer.patch_embed.register_forward_hook(self._place)
        for block in self.transformer.transformer_blocks:
            block.attn1.set_processor(_MaskedLinearAttention(self))
            block.ff.conv_depth.register_forward_pre_hook(
                lambda _, given: None if self._inside is None else (given[0] * self._inside,)
            )

    def __call__(self, rows: Rows) -> list[Tensor]:
        """Predictions of (1, channels, height, width), one for each row."""
        self._sizes = rows.sizes
        height, width = (max(size[axis] for size in self._sizes) for axis in (0, 1))
        latents = torch.cat([F.pad(row, (0, width - row.shape[-1], 0, height - row.shape[-2])) for row in rows.latents])
        inside = torch.zeros(len(self._sizes), 1, height, width, dtype=latents.dtype, device=latents.device)
        for place, (high, wide) in enumerate(self._sizes):
            inside[place, :, :high, :wide] = 1
        self._inside = inside
        try:
            predicted = self.transformer(
                latents,
                encoder_hidden_states=rows.text,
                encoder_attention_mask=rows.mask,
                timestep=rows.timesteps,
                return_dict=False,
            )[0]
        finally:
            self._inside = None
        return [predicted[i : i + 1, :, :high, :wide] for i, (high, wide) in enumerate(self._sizes)]

    def masked(self, key: Tensor) -> Tensor:
        """Keys of (rows, heads, positions, width), zero beyond each render."""
        return key if self._inside is None else key * self._inside.flatten(2)[..., None]

    def _place(self, module: torch.nn.Module, given: tuple[Tensor], embedded: Tensor) -> Tensor | None:
        """Each render's own positions: they depend on its size."""
        if self._inside is None or self.transformer.patch_embed.pos_embed is None:
            return None
        embedded = self.transformer.patch_embed.proj(given[0])
        for place, (high, wide) in enumerate(self._sizes):
            if (high, wide) not in self._positions:
                self._positions[(high, wide)] = positions(self.transformer, (high, wide))
            at = self._positions[(high, wide)]
            assert at is not None
            embedded[place, :, :high, :wide] += at[0].T.reshape(-1, high, wide).to(embedded.dtype)
        return embedded.flatten(2).transpose(1, 2)


def positions(transformer: Any, size: tuple[int, int]) -> Tensor | None:
    """The embedding of each position of a render of this height and width, (1, positions, width), if there is one."""
    patches = transformer.patch_embed
    if patches.pos_embed is None or size == (patches.height, patches.width):
        found: Tensor | None = patches.pos_embed
        return found
    made: Tensor = (
        get_2d_sincos_pos_embed(
            embed_dim=patches.pos_embed.shape[-1],
            grid_size=size,
            base_size=patches.base_size,
            interpolation_scale=patches.interpolation_scale,
            device=patches.pos_embed.device,
            output_type="pt",
        )
        .float()
        .unsqueeze(0)
    )
    return made


class _MaskedLinearAttention:
    """Sana's linear attention with keys that are zero beyond a render; its values are then in no sum."""

    def __init__(self, padded: Padded) -> None:
        self._padded = padded

    def __call__(self, attn: Any, hidden_states: Tensor, **_: object) -> Tensor:
        query, key, value = _heads(attn, hidden_states)
        return _attended(attn, query, self._padded.masked(key), value).to(hidden_states.dtype)


def _heads(attn: Any, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries (rows, heads, width, positions), keys (rows, heads, positions, width), values as queries."""
    query, key, value = attn.to_q(hidden), attn.to_k(hidden), attn.to_v(hidden)
    query = query if attn.norm_q is None else attn.norm_q(query)
    key = key if attn.norm_k is None else attn.norm_k(key)
    query = F.relu(query.transpose(1, 2).unflatten(1, (attn.heads, -1))).float()
    key = F.relu(key.transpose(1, 2).unflatten(1, (attn.heads, -1)).transpose(2, 3)).float()
    value = value.transpose(1, 2).unflatten(1, (attn.heads, -1)).float()
    return query, key, F.pad(value, (0, 0, 0, 1), value=1.0)


def _weighed(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    summed = torch.matmul(torch.matmul(value, key), query)
    return (summed[:, :, :-1] / (summed[:, :, -1:] + 1e-15)).flatten(1, 2).transpose(1, 2)


def _attended(attn: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    weighed = _weighed(query, key, value).to(attn.to_out[0].weight.dtype)
    result: Tensor = attn.to_out[1](attn.to_out[0](weighed))
    return result


def _linear_attention(attn: Any, hidden: Tensor, groups: list[_Group]) -> Tensor:
    """Self-attention; hidden (positions, width)."""
    query, key, value = attn.to_q(hidden), attn.to_k(hidden), attn.to_v(hidden)
    query = query if attn.norm_q is None else attn.norm_q(query)
    key = key if attn.norm_k is None else attn.norm_k(key)
    answers = []
    for (group, q), (_, k), (_, v) in zip(*(_split(groups, part) for part in (query, key, value)), strict=True):
        q, k, v = (part.unflatten(0, (group.rows, -1)).unflatten(2, (attn.heads, -1)) for part in (q, k, v))
        q, k = F.relu(q.permute(0, 2, 3, 1)).float(), F.relu(k.permute(0, 2, 1, 3)).float()
        answers.append(_weighed(q, k, F.pad(v.permute(0, 2, 3, 1).float(), (0, 0, 0, 1), value=1.0)).flatten(0, 1))
    result: Tensor = attn.to_out[1](attn.to_out[0](torch.cat(answers).to(hidden.dtype)))
    return result


def _cross_attention(attn: Any, hidden: Tensor, text: Tensor, bias: Tensor, groups: list[_Group]) -> Tensor:
    """Each render's positions ask its own text; hidden (positions, width), bias (rows, 1, 1, tokens)."""
    query, key, value = attn.to_q(hidden), attn.to_k(text), attn.to_v(text)
    query = query if attn.norm_q is None else attn.norm_q(query)
    key = key if attn.norm_k is None else attn.norm_k(key)
    key, value = (part.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for part in (key, value))
    answers, start = [], 0
    for group, q in _split(groups, query):
        asked = q.view(group.rows, -1, attn.heads, q.shape[-1] // attn.heads).transpose(1, 2)
        its = slice(start, start + group.rows)
        told = F.scaled_dot_product_attention(asked, key[its], value[its], attn_mask=bias[its])
        answers.append(told.transpose(1, 2).flatten(2).flatten(0, 1))
        start += group.rows
    result: Tensor = attn.to_out[1](attn.to_out[0](torch.cat(answers)))
    return result


def _feed_forward(ff: Any, hidden: Tensor, groups: list[_Group]) -> Tensor:
    """Mix-FFN: 1 x 1 convolutions are products of each position; the 3 x 3 one takes each size by itself."""
    inner = F.silu(F.linear(hidden, ff.conv_inverted.weight.flatten(1), ff.conv_inverted.bias))
    seen = torch.cat(
        [ff.conv_depth(group.laid_out(part)).permute(0, 2, 3, 1).flatten(0, 2) for group, part in _split(groups, inner)]
    )
    inner, gate = seen.chunk(2, dim=-1)
    return F.linear(inner * F.silu(gate), ff.conv_point.weight.flatten(1))
