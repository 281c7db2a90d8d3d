"""What runs on the GPU: one program for a block of pixels of one image and group. In Triton's subset of Python.

Letters of the arguments: u0..u3 are the strides of u (N, C, H, W) in elements, and so on; M channels share a filter,
R maps make one, MP and RP are the next powers of two.
"""

import triton
import triton.language as tl


@triton.jit
def load_maps(base, image, first, maps, count, y, x, s0, s1, s2, s3, H, W):
    """(maps, pixels) of a picture in fp32; zero beyond its edges and beyond `count` maps."""
    inside = (y >= 0) & (y < H) & (x >= 0) & (x < W)
    place = base + image * s0 + (first + maps[:, None]) * s1 + (y * s2 + x * s3)[None, :]
    return tl.load(place, mask=inside[None, :] & (maps < count)[:, None], other=0.0).to(tl.float32)


@triton.jit
def forward(u, z, weight, bias, out, u0, u1, u2, u3, z0, z1, z2, z3, o0, o1, o2, o3, H, W, G,
             M: tl.constexpr, MP: tl.constexpr, R: tl.constexpr, RP: tl.constexpr, K: tl.constexpr,
             BLOCK: tl.constexpr):  # fmt: skip
    image, group = tl.program_id(1) // G, tl.program_id(1) % G
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    y, x = pixel // W, pixel % W
    maps, channels = tl.arange(0, RP), tl.arange(0, MP)
    zs = load_maps(z, image, 0, maps, R, y, x, z0, z1, z2, z3, H, W)
    sums = tl.zeros((MP, BLOCK), tl.float32)
    for k in range(K * K):
        row = group * K * K + k
        ws = tl.load(weight + row * R + maps, mask=maps < R, other=0.0)
        taps = tl.sum(ws[:, None] * zs, 0) + tl.load(bias + row)
        sums += taps[None, :] * load_maps(u, image, group * M, channels, M, y + k // K - K // 2, x + k % K - K // 2,
                                      u0, u1, u2, u3, H, W)  # fmt: skip
    place = out + image * o0 + (group * M + channels[:, None]) * o1 + (y * o2 + x * o3)[None, :]
    tl.store(place, sums.to(out.dtype.element_ty), mask=(pixel < H * W)[None, :] & (channels < M)[:, None])


@triton.jit
def backward_filters(u, z, weight, grad, grad_zs, grad_weights, grad_biases, u0, u1, u2, u3, z0, z1, z2, z3,
                      g0, g1, g2, g3, H, W, G,
                      M: tl.constexpr, MP: tl.constexpr, R: tl.constexpr, RP: tl.constexpr, K: tl.constexpr,
                      BLOCK: tl.constexpr):  # fmt: skip
    image, group = tl.program_id(1) // G, tl.program_id(1) % G
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    y, x = pixel // W, pixel % W
    maps, channels = tl.arange(0, RP), tl.arange(0, MP)
    zs = load_maps(z, image, 0, maps, R, y, x, z0, z1, z2, z3, H, W)
    gs = load_maps(grad, image, group * M, channels, M, y, x, g0, g1, g2, g3, H, W)
    sums = tl.zeros((RP, BLOCK), tl.float32)
    share = image * tl.num_programs(0) + tl.program_id(0)
    for k in range(K * K):
        row = group * K * K + k
        tap = load_maps(u, image, group * M, channels, M, y + k // K - K // 2, x + k % K - K // 2,
                    u0, u1, u2, u3, H, W)  # fmt: skip
        grad_filter = tl.sum(gs * tap, 0)
        ws = tl.load(weight + row * R + maps, mask=maps < R, other=0.0)
        sums += ws[:, None] * grad_filter[None, :]
        tl.store(grad_weights + (share * G * K * K + row) * R + maps, tl.sum(grad_filter[None, :] * zs, 1),
                 mask=maps < R)  # fmt: skip
        tl.store(grad_biases + share * G * K * K + row, tl.sum(grad_filter, 0))
    place = grad_zs + ((image * G + group) * R + maps[:, None]) * H * W + pixel[None, :]
    tl.store(place, sums, mask=(pixel < H * W)[None, :] & (maps < R)[:, None])


@triton.jit
def backward_u(z, weight, bias, grad, grad_u, u0, u1, u2, u3, z0, z1, z2, z3, g0, g1, g2, g3, H, W, G,
                M: tl.constexpr, MP: tl.constexpr, R: tl.constexpr, RP: tl.constexpr, K: tl.constexpr,
                BLOCK: tl.constexpr):  # fmt: skip
    """Each pixel of u was seen by its neighbours, through their filters, which are made once more."""
    image, group = tl.program_id(1) // G, tl.program_id(1) % G
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    y, x = pixel // W, pixel % W
    maps, channels = tl.arange(0, RP), tl.arange(0, MP)
    sums = tl.zeros((MP, BLOCK), tl.float32)
    for k in range(K * K):
        row = group * K * K + k
        from_y, from_x = y - (k // K - K // 2), x - (k % K - K // 2)
        zs = load_maps(z, image, 0, maps, R, from_y, from_x, z0, z1, z2, z3, H, W)
        ws = tl.load(weight + row * R + maps, mask=maps < R, other=0.0)
        taps = tl.sum(ws[:, None] * zs, 0) + tl.load(bias + row)
        sums += taps[None, :] * load_maps(grad, image, group * M, channels, M, from_y, from_x, g0, g1, g2, g3, H, W)
    place = grad_u + image * u0 + (group * M + channels[:, None]) * u1 + (y * u2 + x * u3)[None, :]
    tl.store(place, sums.to(grad_u.dtype.element_ty), mask=(pixel < H * W)[None, :] & (channels < M)[:, None])
