"""Train a small transformer on Shakespeare's tragedies, letter by letter, and let it write.

python examples/write_text.py [STEPS]
"""

import sys

import numpy as np

from tinytorch import GPT, AdamW, CharTokenizer, CrossEntropyLoss, Tensor, clip_grad_norm, manual_seed
from tinytorch.datasets import load_tragedies

CONTEXT, BATCH = 64, 16


def main(steps: int = 300, length: int = 200) -> str:
    """Give what it writes."""
    manual_seed(0)
    text = "".join(load_tragedies().train)
    tokenizer = CharTokenizer()
    tokenizer.build_vocab([text])
    ids = np.array(tokenizer.encode(text))
    model = GPT(tokenizer.vocab_size, embed_dim=64, num_layers=2, num_heads=4, max_seq_len=CONTEXT)
    optimizer, loss_fn, rng = AdamW(model.parameters(), lr=0.003), CrossEntropyLoss(), np.random.default_rng(0)
    for step in range(steps):
        windows = ids[rng.integers(0, len(ids) - CONTEXT, size=BATCH)[:, None] + np.arange(CONTEXT + 1)]
        logits = model(Tensor(windows[:, :-1]))  # (B, T, vocab)
        loss = loss_fn(logits.reshape(BATCH * CONTEXT, -1), Tensor(windows[:, 1:].ravel()))
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step}: {loss.data.item():.3f} nats a character")
    model.eval()
    written = model.generate([tokenizer.encode("HAMLET")], length, temperature=0.8, seed=0)
    said = tokenizer.decode(written.data[0].astype(int).tolist())
    print(said)
    return said


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
