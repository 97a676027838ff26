"""PyTorch's twin of a language model with a cache of keys and values, written as its users write it.

Queries, keys and values are one product; attention is PyTorch's own (`scaled_dot_product_attention`). The cache is
either a tensor that grows by `torch.cat`, or one of full length that is written in place; a comparison takes whichever
is faster.
"""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.twins import torch_gpt


class CachedBlock(nn.Module):
    """A block that keeps the keys and values of what it has read."""

    def __init__(self, block, rows: int, length: int, *, grows: bool):
        super().__init__()
        width = block.q.in_features
        self.heads, self.head_dim = block.heads, width // block.heads
        self.qkv, self.out = nn.Linear(width, 3 * width), block.out
        self.ln1, self.ln2, self.up, self.down = block.ln1, block.ln2, block.up, block.down
        with torch.no_grad():
            parts = (block.q, block.k, block.v)
            self.qkv.weight.copy_(torch.cat([part.weight for part in parts]))
            self.qkv.bias.copy_(torch.cat([part.bias for part in parts]))
        self.grows = grows
        self.empty = torch.empty(rows, self.heads, 0, self.head_dim)
        self.k, self.v = (torch.empty(rows, self.heads, length, self.head_dim) for _ in range(2))
        self.kept = (self.empty, self.empty)

    def attend(self, x, start: int):
        """Let the positions from `start` on look at what came before, and at each other."""
        rows, count, width = x.shape
        parts = self.qkv(x).view(rows, count, 3, self.heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = parts.unbind(0)
        keys, values = self.grown(k, v, start) if self.grows else self.written(k, v, start)
        found = functional.scaled_dot_product_attention(q, keys, values, is_causal=count > 1)
        return self.out(found.transpose(1, 2).reshape(rows, count, width))

    def grown(self, k, v, start: int):
        """Put new keys and values behind the old ones."""
        old = tuple(part[:, :, :start] for part in self.kept)
        self.kept = torch.cat((old[0], k), dim=2), torch.cat((old[1], v), dim=2)
        return self.kept

    def written(self, k, v, start: int):
        """Write new keys and values into their place."""
        stop = start + k.shape[2]
        self.k[:, :, start:stop] = k
        self.v[:, :, start:stop] = v
        return self.k[:, :, :stop], self.v[:, :, :stop]

    def forward(self, x, start: int):
        """Map (B, T, D) to (B, T, D)."""
        x = x + self.attend(self.ln1(x), start)
        return x + self.down(functional.gelu(self.up(self.ln2(x)), approximate="tanh"))


class CachedTwin(nn.Module):
    """The language model; a prompt, or single tokens behind it."""

    def __init__(self, ours, rows: int, length: int, *, grows: bool):
        super().__init__()
        twin = torch_gpt(ours)
        self.tokens, self.places, self.ln, self.head = twin.tokens, twin.places, twin.ln, twin.head
        self.blocks = nn.ModuleList(CachedBlock(block, rows, length, grows=grows) for block in twin.blocks)
        self.eval()

    def forward(self, tokens, start: int):
        """Give the logits (B, V) of the token after (B, T), which are at the positions from `start` on."""
        x = self.tokens(tokens) + self.places.weight[start : start + tokens.shape[1]]
        for block in self.blocks:
            x = block(x, start)
        return self.head(self.ln(x[:, -1]))
