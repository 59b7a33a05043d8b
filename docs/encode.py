"""A site's encoder in numpy: one block of centred logits to the bytes of `codes`.

Written from schemas/FORMAT.md alone (sections 3 and 4.2), to be read beside it. Python >= 3.8, numpy >= 1.20.

    import encode
    plan = dict(seed=7, dither_round="r1", quantizer="dither", vocabulary=50257, clip_per_probe=False)
    x, L = encode.centre(logits)                    # logits: float64 [p, V], natural-log units
    block = encode.shape(plan, probes=p, bits_per_coordinate=8.0, bits_per_probe=8 * 50257)
    codes = encode.encode(plan, "site-a", block, 0, 0, x, np.full(p, L.max()))
"""

import math
from hashlib import sha256

import numpy as np

GAMMA = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


# 3.1 Dither
def key(purpose, seed, dither_round, node):
    text = f"sluice-{purpose}-1|{seed}|{dither_round}|{node}"
    return int.from_bytes(sha256(text.encode()).digest()[:8], "little")


def mix(z):
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
    return z ^ z >> 31


def numerators(k, probe, V):
    """r(probe, 0 .. V-1), uint32."""
    W = (V + 1) // 2
    first = np.uint64((k + (probe * W + 1) * GAMMA) & MASK)
    z = first + np.arange(W, dtype=np.uint64) * np.uint64(GAMMA)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return (z ^ z >> np.uint64(31)).astype("<u8").view("<u4")[:V]


def offsets(plan, node, first_probe, probes):
    V = plan["vocabulary"]
    if plan["quantizer"] == "midrise":
        return np.zeros((probes, V))
    k = key("dither", plan["seed"], plan["dither_round"], node)
    return np.stack([(numerators(k, first_probe + i, V) + 0.5) * 2.0**-32 for i in range(probes)])


# 3.2 Centring and clipping
def centre(logits):
    """The centred rows, and each row's largest magnitude."""
    finite = np.where(np.isneginf(logits), np.nan, logits)
    x = logits - ((np.nanmax(finite, 1) + np.nanmin(finite, 1)) * 0.5)[:, None]
    return x, np.nanmax(np.abs(np.where(np.isneginf(x), np.nan, x)), 1)


def clip_up(level):
    """The least binary16 number that is at least the level and at least 2^-24."""
    half = np.maximum(np.asarray(level, np.float64), 2.0**-24).astype("<f2")
    return np.where(half.astype(np.float64) < level, np.nextafter(half, np.float16(np.inf)), half).astype("<f2")


# 3.4 Radices and budget; 3.6 length
def bits(N, n1, n):
    if n1 == 0 and N & (N - 1) == 0:
        return n * (N.bit_length() - 1)
    S, words = 1, 0
    for j in range(n - 1, -1, -1):
        S *= N + 1 if j < n1 else N
        if S >= 1 << 46:
            S = -(-S >> 32)
            words += 1
    return 32 * words + (S - 1).bit_length()


def shape(plan, probes, bits_per_coordinate, bits_per_probe, plane=0):
    n = probes * plan["vocabulary"]
    out = dict(plane=plane, probes=probes, n=n, n1=0, clip_bytes=0)
    if plan["clip_per_probe"] and plane == 0:
        out["clip_bytes"] = 2 * probes
    if plan["quantizer"] == "dither-paper" and plane == 0:
        out["levels"] = math.floor(2.0**bits_per_coordinate * 2**20 + 0.5) / 2**20
        out["N"] = math.ceil(out["levels"]) + 1
    else:
        C = probes * bits_per_probe - 8 * out["clip_bytes"]
        if C < n:
            raise ValueError("the budget buys no two symbols for a coordinate")
        N = min(65536, math.floor(2.0 ** (C / n)) + 1)
        while bits(N, 0, n) > C:
            N -= 1
        low, high = 0, n if N < 65536 else 1
        while high - low > 1:
            mid = (low + high) // 2
            low, high = (mid, high) if bits(N, mid, n) <= C else (low, mid)
        out["N"], out["n1"] = N, low
    out["bits"] = 8 * out["clip_bytes"] + bits(out["N"], out["n1"], n)
    return out


def start(plan, node, plane, block, n):
    k = key("rotation", plan["seed"], plan["dither_round"], node)
    return mix((k + (plane * 2**32 + block + 1) * GAMMA) & MASK) * n >> 64


def radices(plan, node, block_shape, block):
    """The radix of each coordinate, and the coordinates in the order of the symbols."""
    n = block_shape["n"]
    order = (start(plan, node, block_shape["plane"], block, n) + np.arange(n)) % n
    radix = np.full(n, block_shape["N"])
    radix[order[: block_shape["n1"]]] += 1
    return radix, order


# 3.3 Quantiser
def steps(plan, block_shape, radix, clip):
    """clip: L of each coordinate."""
    if plan["quantizer"] == "dither":
        return 2.0 * clip / (radix - 1)
    if plan["quantizer"] == "dither-paper":
        return 2.0 * clip / block_shape["levels"]
    return 2.0 * clip / radix


# 3.6 Symbols to bits
def pack(symbols, N, n1):
    n = len(symbols)
    stream, length = 0, bits(N, n1, n)
    if n1 == 0 and N & (N - 1) == 0:
        q = N.bit_length() - 1
        field = (symbols[:, None].astype(np.int64) >> np.arange(q)) & 1
        return np.packbits(field.astype(np.uint8).ravel(), bitorder="little").tobytes()
    x, S, words = 0, 1, []
    for j in range(n - 1, -1, -1):
        radix = N + 1 if j < n1 else N
        x, S = x * radix + int(symbols[j]), S * radix
        if S >= 1 << 46:
            words.append(x & 0xFFFFFFFF)
            x, S = x >> 32, -(-S >> 32)
    tail = length - 32 * len(words)
    return b"".join(w.to_bytes(4, "little") for w in reversed(words)) + x.to_bytes((tail + 7) // 8, "little")


def encode(plan, node, shapes, block, first_probe, x, clips):
    """The codes of one block.

    shapes: that of plane 0, or a list of those of planes 0 .. t (3.5), of which the last is encoded.
    x: float64 [p, V], centred; -inf is masked. clips: L of each probe, binary16 numbers if clip_per_probe.
    """
    shapes = [shapes] if isinstance(shapes, dict) else shapes
    first, last = shapes[0], shapes[-1]
    L = np.repeat(np.asarray(clips, np.float64), plan["vocabulary"])
    x = np.clip(np.asarray(x, np.float64).ravel(), -L, L)
    radix, order = radices(plan, node, first, block)
    z = (x + L) / steps(plan, first, radix, L) + offsets(plan, node, first_probe, first["probes"]).ravel()
    digit = np.minimum(np.floor(z), radix - 1)
    rest = np.minimum(z - digit, 1 - 2.0**-53)
    for later in shapes[1:]:
        radix, order = radices(plan, node, later, block)
        g = rest * radix
        digit = np.minimum(np.floor(g), radix - 1)
        rest = g - digit
    levels = np.asarray(clips, "<f2").tobytes() if last["clip_bytes"] else b""
    return levels + pack(digit[order].astype(np.int64), last["N"], last["n1"])
