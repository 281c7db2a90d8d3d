/* The middle of the gated feed-forward network, for training: depthwise 3x3, then GELU of one half times the other.

     a, b = the halves of DWConv3x3(x; weight), zero padded, no bias
     out  = a * Phi(a) * b            Phi: the normal distribution's, so a * Phi(a) is the exact GELU

   x (N, H, W, 2C) and out (N, H, W, C), channels last; sums in fp32. Nothing but x is kept for the
   backward pass, which makes a and b again. An image is worked on LANES channels of a and the same of b at a time, row
   by row: what is at hand (a few rows of these channels, widened to fp32, with a border of one zero pixel) stays in
   the innermost cache. One call works on images first..last of the batch. */

#include "vectors.h"

#define SIDE 3
#define TAPS (SIDE * SIDE)

typedef struct {
    int64_t channels, height, width, first, last;
} extent;

/* Of the picture's channels those that are worked on: `count` from `at`, in a and in b. */
typedef struct {
    int64_t at, count;
} block;

/* A strip: one row of a block, LANES floats a pixel, with its border. A row of x: the strip of a, then that of b. */
static inline ptrdiff_t strip_of(const extent *e) { return LANES * (e->width + 2); }

/* exp(x) for x <= 0, to 2 units in the last place: 2^n times a polynomial of the rest. */
static inline vec exp_negative(vec x) {
    vec limit = (vec){0} - 87.0f;
    x = chosen(x < limit, limit, x);
    ivec n = __builtin_convertvector(x * 1.44269504f - 0.5f, ivec); /* rounds towards zero: to nearest, as x <= 0 */
    vec whole = __builtin_convertvector(n, vec);
    vec r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
    vec square = r * r; /* by pairs of terms, which do not wait for each other */
    vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * square + (r * 8.3334519073e-3f + 4.1665795894e-2f);
    p = p * square + (r * 1.6666665459e-1f + 5.0000001201e-1f);
    p = p * square + (r + 1.0f);
    return p * (vec)((n + 127) << 23);
}

/* Phi(a) and the density at a. erf by Abramowitz and Stegun 7.1.26: absolute error below 1.5e-7. */
static inline vec normal(vec a, vec *density) {
    vec size = (vec)((ivec)a & 0x7fffffff);
    vec bell = exp_negative(a * a * -0.5f);
    vec t = 1.0f / (size * (0.3275911f * 0.70710678f) + 1.0f);
    vec p = t * 1.061405429f - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = (p * t + 0.254829592f) * t;
    vec tail = p * bell * 0.5f;
    *density = bell * 0.39894228f;
    return chosen(a < (vec){0}, tail, 1.0f - tail);
}

static inline block block_at(int64_t at, const extent *e) {
    return (block){at, e->channels - at < LANES ? e->channels - at : LANES};
}

/* First element of row y of image n in a picture of `halves` * C channels. */
static inline ptrdiff_t row_at(int halves, int64_t n, int64_t y, const extent *e) {
    return (n * e->height + y) * e->width * halves * e->channels;
}

/* Row y of image n as fp32 strips, one for each half; beyond the picture it is zero. */
static void read_row(const element *from, int halves, int64_t n, int64_t y, block b, const extent *e, float *row) {
    ptrdiff_t strip = strip_of(e), step = halves * e->channels;
    if (y < 0 || y >= e->height) {
        memset(row, 0, (size_t)(halves * strip) * sizeof(float));
        return;
    }
    for (int h = 0; h < halves; h++) {
        const element *at = from + row_at(halves, n, y, e) + h * e->channels + b.at;
        float *to = row + h * strip + LANES;
        for (int64_t x = 0; x < e->width; x++, to += LANES, at += step) {
            __builtin_prefetch(at + e->width * step); /* the next row: too far apart for the processor to guess */
            STORE(to, read_lanes(at, b.count));
        }
    }
}

static inline void load_taps(const float *weight, vec *taps) {
    for (int k = 0; k < TAPS; k++) taps[k] = LOAD(weight + k * LANES);
}

/* Sum of the 3x3 pixels whose first is `at` floats from the rows' begin. */
static inline vec convolved(const float *const *rows, const vec *taps, ptrdiff_t at) {
    vec sums[SIDE]; /* one chain a row: one alone would wait for itself */
    for (int i = 0; i < SIDE; i++) {
        sums[i] = LOAD(rows[i] + at) * taps[i * SIDE];
        for (int j = 1; j < SIDE; j++) sums[i] += LOAD(rows[i] + at + j * LANES) * taps[i * SIDE + j];
    }
    return sums[0] + sums[1] + sums[2];
}

static void forward_row(const float *const *rows, const float *weight, element *out, block b,
                        const extent *e) {
    vec taps_a[TAPS], taps_b[TAPS], density;
    load_taps(weight, taps_a);
    load_taps(weight + TAPS * LANES, taps_b);
    ptrdiff_t strip = strip_of(e);
    for (int64_t x = 0; x < e->width; x++, out += e->channels) {
        vec a = convolved(rows, taps_a, x * LANES), gate = convolved(rows, taps_b, strip + x * LANES);
        write_lanes(out + b.at, a * normal(a, &density) * gate, b.count);
    }
}

/* Gradients of a and b in one row, in the layout of x, from those of out. */
static void grad_halves(const float *const *rows, const float *weight, const float *grad, float *halves,
                        const extent *e) {
    vec taps_a[TAPS], taps_b[TAPS], density;
    load_taps(weight, taps_a);
    load_taps(weight + TAPS * LANES, taps_b);
    ptrdiff_t strip = strip_of(e);
    for (int64_t x = 0; x < e->width; x++) {
        ptrdiff_t at = x * LANES;
        vec a = convolved(rows, taps_a, at), b = convolved(rows, taps_b, strip + at);
        vec share = normal(a, &density), g = LOAD(grad + at + LANES);
        STORE(halves + at + LANES, g * b * (share + a * density));
        STORE(halves + strip + at + LANES, g * a * share);
    }
}

/* x was seen by its neighbours: its gradient is the transposed convolution of theirs (`halves`, three rows around).
   Each product of x and a neighbour's gradient belongs to the weight between them. */
static void grad_row(const float *const *halves, const float *row, const float *weight, float *grad_weight,
                     element *grad_x, block b, const extent *e) {
    ptrdiff_t strip = strip_of(e);
    for (int half = 0; half < 2; half++, weight += TAPS * LANES, grad_weight += TAPS * LANES) {
        vec taps[TAPS], sums[TAPS];
        load_taps(weight, taps);
        load_taps(grad_weight, sums);
        for (int64_t x = 0; x < e->width; x++) {
            ptrdiff_t at = half * strip + x * LANES;
            vec own = LOAD(row + at + LANES), sum = (vec){0};
            for (int i = 0; i < SIDE; i++)
                for (int j = 0; j < SIDE; j++) {
                    vec g = LOAD(halves[i] + at + j * LANES);
                    int k = TAPS - 1 - (i * SIDE + j);
                    sum += g * taps[k];
                    sums[k] += g * own;
                }
            write_lanes(grad_x + (2 * x + half) * e->channels + b.at, sum, b.count);
        }
        for (int k = 0; k < TAPS; k++) STORE(grad_weight + k * LANES, sums[k]);
    }
}

/* Three rows in turn: row y lies at place (y + 3) % 3. */
static inline float *row_of(float *ring, int64_t y, const extent *e) {
    return ring + (y + SIDE) % SIDE * 2 * strip_of(e);
}

static inline void around(float *ring, int64_t y, const extent *e, const float **rows) {
    for (int i = 0; i < SIDE; i++) rows[i] = row_of(ring, y + i - 1, e);
}

/* The taps of a block: those of a, then those of b, a vector each. */
static void read_taps(const float *weight, block b, const extent *e, float *taps) {
    for (int half = 0; half < 2; half++)
        for (int64_t c = 0; c < b.count; c++)
            for (int k = 0; k < TAPS; k++)
                taps[(half * TAPS + k) * LANES + c] = weight[(half * e->channels + b.at + c) * TAPS + k];
}

static void write_taps(const float *taps, block b, const extent *e, float *weight) {
    for (int half = 0; half < 2; half++)
        for (int64_t c = 0; c < b.count; c++)
            for (int k = 0; k < TAPS; k++)
                weight[(half * e->channels + b.at + c) * TAPS + k] = taps[(half * TAPS + k) * LANES + c];
}

/* Returns 0, or 1 when there is no memory. */
int gated_conv_forward(const element *x, const float *weight, element *out, const extent *e) {
    float *ring = zeros(SIDE * 2 * strip_of(e)), taps[2 * TAPS * LANES] = {0};
    const float *rows[SIDE];
    if (!ring) return 1;
    for (int64_t n = e->first; n < e->last; n++)
        for (int64_t at = 0; at < e->channels; at += LANES) {
            block b = block_at(at, e);
            read_taps(weight, b, e, taps);
            for (int64_t y = -1; y <= 0; y++) read_row(x, 2, n, y, b, e, row_of(ring, y, e));
            for (int64_t y = 0; y < e->height; y++) {
                read_row(x, 2, n, y + 1, b, e, row_of(ring, y + 1, e));
                around(ring, y, e, rows);
                forward_row(rows, taps, out + row_at(1, n, y, e), b, e);
            }
        }
    free(ring);
    return 0;
}

/* One block of image n. `ring` and `halves` hold three rows of x and of the gradients of a and b; `grad` one strip. */
static void backward_block(const element *x, const float *taps, const element *grad_out, element *grad_x, float *sums, int64_t n,
                           block b, const extent *e, float *ring, float *halves, float *grad) {
    const float *rows[SIDE];
    for (int64_t y = -1; y <= 0; y++) read_row(x, 2, n, y, b, e, row_of(ring, y, e));
    memset(row_of(halves, -1, e), 0, (size_t)(2 * strip_of(e)) * sizeof(float));
    for (int64_t y = 0; y <= e->height; y++) { /* x's gradient follows one row behind */
        if (y < e->height) {
            read_row(x, 2, n, y + 1, b, e, row_of(ring, y + 1, e));
            read_row(grad_out, 1, n, y, b, e, grad);
            around(ring, y, e, rows);
            grad_halves(rows, taps, grad, row_of(halves, y, e), e);
        } else {
            memset(row_of(halves, y, e), 0, (size_t)(2 * strip_of(e)) * sizeof(float));
        }
        if (y == 0) continue;
        around(halves, y - 1, e, rows);
        grad_row(rows, row_of(ring, y - 1, e), taps, sums, grad_x + row_at(2, n, y - 1, e), b, e);
    }
}

/* grad_weight (2C, 9) is written over. Returns 0, or 1 when there is no memory. */
int gated_conv_backward(const element *x, const float *weight, const element *grad_out, element *grad_x, float *grad_weight,
                        const extent *e) {
    float *ring = zeros(SIDE * 2 * strip_of(e)), *halves = zeros(SIDE * 2 * strip_of(e)), *grad = zeros(strip_of(e));
    int failed = !ring || !halves || !grad;
    for (int64_t at = 0; at < e->channels && !failed; at += LANES) {
        block b = block_at(at, e);
        float taps[2 * TAPS * LANES] = {0}, sums[2 * TAPS * LANES] = {0};
        read_taps(weight, b, e, taps);
        for (int64_t n = e->first; n < e->last; n++)
            backward_block(x, taps, grad_out, grad_x, sums, n, b, e, ring, halves, grad);
        write_taps(sums, b, e, grad_weight);
    }
    free(ring), free(halves), free(grad);
    return failed;
}
