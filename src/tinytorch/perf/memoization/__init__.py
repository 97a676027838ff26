"""Reading each token once: a cache of keys and values, and a decoder that is built around it.

`GPT.generate` uses a cache by itself. `enable_kv_cache` gives a model one that lasts. `fast_decoder` is the technique:
a model in, and another out that writes the same, faster.

Source:
    N. Shazeer (2019), Fast Transformer Decoding: One Write-Head is All You Need, section 2.4, on incremental inference.
"""

from tinytorch.core.kv_cache import KVCache
from tinytorch.perf.memoization.decoder import DECODE, FastDecoder, fast_decoder
from tinytorch.perf.memoization.doors import create_kv_cache, disable_kv_cache, enable_kv_cache
from tinytorch.perf.memoization.int8_cache import Int8KVCache

__all__ = [
    "DECODE",
    "FastDecoder",
    "Int8KVCache",
    "KVCache",
    "create_kv_cache",
    "disable_kv_cache",
    "enable_kv_cache",
    "fast_decoder",
]
