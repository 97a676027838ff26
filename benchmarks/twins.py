"""PyTorch's twin of a model: the same architecture from its own fast parts, with the same weights."""

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """Pre-norm: attention, then a perceptron, each added to what came in."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float):
        super().__init__()
        self.heads, self.p = heads, dropout
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def attend(self, x):
        """Use PyTorch's fused kernel, which leaves out the future by itself."""
        q, k, v = (part(x).view(*x.shape[:2], self.heads, -1).transpose(1, 2) for part in (self.q, self.k, self.v))
        p = self.p if self.training else 0.0
        gathered = functional.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=p)
        return self.out(gathered.transpose(1, 2).reshape(x.shape))

    def forward(self, x):
        """Map (B, T, D) to (B, T, D)."""
        x = x + functional.dropout(self.attend(self.ln1(x)), self.p, self.training)
        hidden = functional.gelu(self.up(self.ln2(x)), approximate="tanh")
        return x + functional.dropout(self.down(hidden), self.p, self.training)


class Twin(nn.Module):
    """The language model."""

    def __init__(self, ours):
        super().__init__()
        self.tokens = nn.Embedding(ours.vocab_size, ours.embed_dim)
        self.places = nn.Embedding(ours.max_seq_len, ours.embed_dim)
        width, p = ours.embed_dim, ours.dropout.p
        self.blocks = nn.ModuleList([Block(width, ours.num_heads, b.mlp.hidden_dim, p) for b in ours.blocks])
        self.ln = nn.LayerNorm(width)
        self.head = nn.Linear(width, ours.vocab_size, bias=False)
        if ours.tie_weights:
            self.head.weight = self.tokens.weight

    def forward(self, tokens):
        """Map (B, T) to logits (B, T, V)."""
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln(x))


def torch_gpt(ours) -> Twin:
    """Build the twin of a `GPT`, in its kind of float and its mode."""
    twin = Twin(ours).to(torch.from_numpy(ours.ln_f.gamma.data).dtype).train(ours.training)
    with torch.no_grad():
        for theirs, parameter, turned in pairs(ours, twin):
            array = parameter.data.T if turned else parameter.data
            theirs.copy_(torch.from_numpy(array.copy()))
    return twin


def pairs(ours, twin):
    """Give each parameter of the twin with ours, and whether ours is its transpose."""
    yield twin.tokens.weight, ours.token_embedding.weight, False
    yield twin.places.weight, ours.position_embedding.weight, False
    for theirs, block in zip(twin.blocks, ours.blocks, strict=True):
        attention, mlp = block.attention, block.mlp
        yield from linear_pairs(theirs.q, attention.q_proj)
        yield from linear_pairs(theirs.k, attention.k_proj)
        yield from linear_pairs(theirs.v, attention.v_proj)
        yield from linear_pairs(theirs.out, attention.out_proj)
        yield from norm_pairs(theirs.ln1, block.ln1)
        yield from norm_pairs(theirs.ln2, block.ln2)
        yield from linear_pairs(theirs.up, mlp.linear1)
        yield from linear_pairs(theirs.down, mlp.linear2)
    yield from norm_pairs(twin.ln, ours.ln_f)
    if not ours.tie_weights:
        yield twin.head.weight, ours.lm_head.weight, True


def linear_pairs(theirs, ours):
    """Weights are stored the other way round in PyTorch."""
    yield theirs.weight, ours.weight, True
    yield theirs.bias, ours.bias, False


def norm_pairs(theirs, ours):
    """Gamma and beta are called weight and bias in PyTorch."""
    yield theirs.weight, ours.gamma, False
    yield theirs.bias, ours.beta, False
