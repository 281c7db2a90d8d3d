/* A depthwise convolution, zero padded, for training: out[c, p] = bias[c] + sum_k weight[c, k] * x[c, p + offset(k)].

   x and out (N, H, W, C), channels last; sums in fp32. Compiled for one K, the side of a filter. An image is worked on
   LANES channels at a time, as a plane: fp32, a vector a pixel, with a border of K / 2 zero pixels. One call works on
   images first..last of the batch. */

#include "vectors.h"

#define TAPS (K * K)
#define EDGE (K / 2)

typedef struct {
    int64_t channels, height, width, first, last;
} extent;

/* Channels of the picture that are worked on: `count` from `at`. */
typedef struct {
    int64_t at, count;
} block;

static inline block block_at(int64_t at, const extent *e) {
    return (block){at, e->channels - at < LANES ? e->channels - at : LANES};
}

static inline ptrdiff_t row_of(const extent *e) { return LANES * (e->width + 2 * EDGE); }

static float *plane(const extent *e) { return zeros(row_of(e) * (e->height + 2 * EDGE)); }

static inline ptrdiff_t pixel_at(int64_t n, int64_t y, block b, const extent *e) {
    return (n * e->height + y) * e->width * e->channels + b.at;
}

static void read_plane(const element *from, int64_t n, block b, const extent *e, float *to) {
    for (int64_t y = 0; y < e->height; y++) {
        const element *pixel = from + pixel_at(n, y, b, e);
        float *at = to + (y + EDGE) * row_of(e) + EDGE * LANES;
        for (int64_t x = 0; x < e->width; x++, pixel += e->channels, at += LANES) {
            __builtin_prefetch(pixel + 2 * e->width * e->channels); /* too far apart for the processor to guess */
            STORE(at, read_lanes(pixel, b.count));
        }
    }
}

static void convolve(const float *from, const vec *taps, vec bias, int64_t n, block b, const extent *e, element *to) {
    for (int64_t y = 0; y < e->height; y++) {
        element *pixel = to + pixel_at(n, y, b, e);
        for (int64_t x = 0; x < e->width; x++, pixel += e->channels) {
            const float *corner = from + y * row_of(e) + x * LANES;
            vec sums[K];
            for (int i = 0; i < K; i++) sums[i] = i ? (vec){0} : bias;
            for (int j = 0; j < K; j++)
                for (int i = 0; i < K; i++) sums[i] += LOAD(corner + i * row_of(e) + j * LANES) * taps[i * K + j];
            for (int i = 1; i < K; i++) sums[0] += sums[i];
            write_lanes(pixel, sums[0], b.count);
        }
    }
}

static void add_grad_taps(const float *from, const float *grad, vec *grad_taps, const extent *e) {
    for (int64_t y = 0; y < e->height; y++)
        for (int i = 0; i < K; i++) {
            const float *row = from + (y + i) * row_of(e), *own = grad + (y + EDGE) * row_of(e) + EDGE * LANES;
            vec sums[K];
            for (int j = 0; j < K; j++) sums[j] = grad_taps[i * K + j];
            for (ptrdiff_t x = 0; x < e->width * LANES; x += LANES) {
                vec g = LOAD(own + x);
                for (int j = 0; j < K; j++) sums[j] += g * LOAD(row + x + j * LANES);
            }
            for (int j = 0; j < K; j++) grad_taps[i * K + j] = sums[j];
        }
}

static vec sum_of(const float *plane, const extent *e) {
    vec sum = {0};
    for (ptrdiff_t at = 0; at < row_of(e) * (e->height + 2 * EDGE); at += LANES) sum += LOAD(plane + at);
    return sum;
}

static void read_taps(const float *weight, block b, vec *taps) {
    for (int k = 0; k < TAPS; k++) {
        taps[k] = (vec){0};
        for (int64_t c = 0; c < b.count; c++) taps[k][c] = weight[(b.at + c) * TAPS + k];
    }
}

/* Without a bias, null. Returns 0, or 1 when there is no memory. */
int depthwise_conv_forward(const element *x, const float *weight, const float *bias, element *out, const extent *e) {
    float *xs = plane(e);
    for (int64_t at = 0; at < e->channels && xs; at += LANES) {
        block b = block_at(at, e);
        vec taps[TAPS], start = {0};
        read_taps(weight, b, taps);
        for (int64_t c = 0; c < b.count && bias; c++) start[c] = bias[at + c];
        for (int64_t n = e->first; n < e->last; n++) {
            read_plane(x, n, b, e, xs);
            convolve(xs, taps, start, n, b, e, out);
        }
    }
    free(xs);
    return !xs;
}

/* grad_weight (C, TAPS) and grad_bias (C) are written over. Returns 0, or 1 when there is no memory. */
int depthwise_conv_backward(const element *x, const float *weight, const element *grad, element *grad_x,
                            float *grad_weight, float *grad_bias, const extent *e) {
    float *xs = plane(e), *gs = plane(e);
    int failed = !xs || !gs;
    for (int64_t at = 0; at < e->channels && !failed; at += LANES) {
        block b = block_at(at, e);
        vec taps[TAPS], turned[TAPS], sums[TAPS] = {{0}}, alone = {0};
        read_taps(weight, b, taps);
        for (int k = 0; k < TAPS; k++) turned[k] = taps[TAPS - 1 - k];
        for (int64_t n = e->first; n < e->last; n++) {
            read_plane(x, n, b, e, xs);
            read_plane(grad, n, b, e, gs);
            convolve(gs, turned, (vec){0}, n, b, e, grad_x); /* each pixel of x was seen by its neighbours */
            add_grad_taps(xs, gs, sums, e);
            alone += sum_of(gs, e);
        }
        for (int64_t c = 0; c < b.count; c++) {
            grad_bias[at + c] = alone[c];
            for (int k = 0; k < TAPS; k++) grad_weight[(at + c) * TAPS + k] = sums[k][c];
        }
    }
    free(xs), free(gs);
    return failed;
}
