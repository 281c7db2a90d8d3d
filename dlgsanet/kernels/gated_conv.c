/* The middle of the gated feed-forward network, for training: depthwise 3x3, then GELU of one half times the other.

     a, b = the halves of DWConv3x3(x; weight), zero padded, no bias
     out  = a * Phi(a) * b            Phi: the normal distribution's, so a * Phi(a) is the exact GELU

   x (N, H, W, 2C) and out (N, H, W, C), channels last, float or bfloat16; sums in fp32. Nothing but x is kept for the
   backward pass, which makes a and b again. Rows are worked on three at a time, widened to fp32, one vector of channels
   after the other, with a border of one zero pixel. One call works on images first..last of the batch. */

#include "vectors.h"

#define SIDE 3
#define TAPS (SIDE * SIDE)

typedef struct {
    int64_t half; /* 0: float, 1: bfloat16 */
    int64_t channels, height, width, first, last;
} extent;

/* A row: 2 * blocks strips of LANES channels (each half's padded to whole vectors), pixel by pixel. */
typedef struct {
    ptrdiff_t blocks, strip, row; /* blocks of a half; floats of a strip with its border, of a row */
} layout;

static layout layout_of(const extent *e) {
    layout l;
    l.blocks = whole_vectors(e->channels) / LANES;
    l.strip = LANES * (e->width + 2);
    l.row = 2 * l.blocks * l.strip;
    return l;
}

static float *zeros(ptrdiff_t count) { return calloc((size_t)count, sizeof(float)); }

/* exp(x) for x <= 0, to 2 units in the last place: 2^n times a polynomial of the rest. */
static inline vec exp_negative(vec x) {
    vec limit = (vec){0} - 87.0f;
    x = chosen(x < limit, limit, x);
    ivec n = __builtin_convertvector(x * 1.44269504f - 0.5f, ivec); /* rounds towards zero: to nearest, as x <= 0 */
    vec whole = __builtin_convertvector(n, vec);
    vec r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
    vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
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

static inline int64_t channels_in(ptrdiff_t block, const extent *e) {
    return e->channels - block * LANES < LANES ? e->channels - block * LANES : LANES;
}

/* Row y of image n as fp32, `halves` of its channels; a row beyond the picture is zero. */
static void read_row(const void *from, int halves, int64_t n, int64_t y, const extent *e, const layout *l, float *row) {
    if (y < 0 || y >= e->height) {
        memset(row, 0, (size_t)l->row * sizeof(float));
        return;
    }
    for (ptrdiff_t block = 0; block < halves * l->blocks; block++) {
        int64_t count = channels_in(block % l->blocks, e);
        ptrdiff_t at = (n * e->height + y) * e->width * halves * e->channels;
        at += block / l->blocks * e->channels + block % l->blocks * LANES;
        float *to = row + block * l->strip + LANES;
        for (int64_t x = 0; x < e->width; x++, to += LANES, at += halves * e->channels)
            if (!e->half)
                memcpy(to, (const float *)from + at, (size_t)count * sizeof(float));
            else if (count == LANES)
                for (int c = 0; c < LANES; c++) to[c] = widened(((const uint16_t *)from)[at + c]);
            else
                for (int64_t c = 0; c < count; c++) to[c] = widened(((const uint16_t *)from)[at + c]);
    }
}

static void write_row(const float *row, int halves, int64_t n, int64_t y, const extent *e, const layout *l, void *to) {
    for (ptrdiff_t block = 0; block < halves * l->blocks; block++) {
        int64_t count = channels_in(block % l->blocks, e);
        ptrdiff_t at = (n * e->height + y) * e->width * halves * e->channels;
        at += block / l->blocks * e->channels + block % l->blocks * LANES;
        const float *from = row + block * l->strip + LANES;
        for (int64_t x = 0; x < e->width; x++, from += LANES, at += halves * e->channels)
            if (!e->half)
                memcpy((float *)to + at, from, (size_t)count * sizeof(float));
            else if (count == LANES)
                for (int c = 0; c < LANES; c++) ((uint16_t *)to)[at + c] = narrowed(from[c]);
            else
                for (int64_t c = 0; c < count; c++) ((uint16_t *)to)[at + c] = narrowed(from[c]);
    }
}

static inline void load_taps(const float *weight, ptrdiff_t block, vec *taps) {
    for (int k = 0; k < TAPS; k++) taps[k] = LOAD(weight + (block * TAPS + k) * LANES);
}

/* Sum of the 3x3 pixels whose first is `at` floats from the rows' begin. */
static inline vec convolved(const float *const *rows, const vec *taps, ptrdiff_t at) {
    vec sum = (vec){0};
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) sum += LOAD(rows[i] + at + j * LANES) * taps[i * SIDE + j];
    return sum;
}

static void forward_row(const float *const *rows, const float *weight, float *out, const extent *e, const layout *l) {
    for (ptrdiff_t block = 0; block < l->blocks; block++) {
        vec taps_a[TAPS], taps_b[TAPS], density;
        load_taps(weight, block, taps_a);
        load_taps(weight, block + l->blocks, taps_b);
        ptrdiff_t at = block * l->strip, other = at + l->blocks * l->strip;
        for (int64_t x = 0; x < e->width; x++, at += LANES, other += LANES) {
            vec a = convolved(rows, taps_a, at), b = convolved(rows, taps_b, other);
            STORE(out + at + LANES, a * normal(a, &density) * b);
        }
    }
}

/* Gradients of a and b in one row, in the layout of x, from those of out. */
static void grad_halves(const float *const *rows, const float *weight, const float *grad, float *halves,
                        const extent *e, const layout *l) {
    for (ptrdiff_t block = 0; block < l->blocks; block++) {
        vec taps_a[TAPS], taps_b[TAPS], density;
        load_taps(weight, block, taps_a);
        load_taps(weight, block + l->blocks, taps_b);
        ptrdiff_t at = block * l->strip, other = at + l->blocks * l->strip;
        for (int64_t x = 0; x < e->width; x++, at += LANES, other += LANES) {
            vec a = convolved(rows, taps_a, at), b = convolved(rows, taps_b, other);
            vec share = normal(a, &density), g = LOAD(grad + at + LANES);
            STORE(halves + at + LANES, g * b * (share + a * density));
            STORE(halves + other + LANES, g * a * share);
        }
    }
}

static void add_grad_weight(const float *const *rows, const float *halves, float *grad_weight, const extent *e,
                            const layout *l) {
    for (ptrdiff_t block = 0; block < 2 * l->blocks; block++) {
        vec sums[TAPS];
        load_taps(grad_weight, block, sums);
        ptrdiff_t at = block * l->strip;
        for (int64_t x = 0; x < e->width; x++, at += LANES) {
            vec g = LOAD(halves + at + LANES);
            for (int i = 0; i < SIDE; i++)
                for (int j = 0; j < SIDE; j++) sums[i * SIDE + j] += g * LOAD(rows[i] + at + j * LANES);
        }
        for (int k = 0; k < TAPS; k++) STORE(grad_weight + (block * TAPS + k) * LANES, sums[k]);
    }
}

/* x was seen by its neighbours: the transposed convolution of the halves' gradients. */
static void grad_x_row(const float *const *halves, const float *weight, float *grad_x, const extent *e,
                       const layout *l) {
    for (ptrdiff_t block = 0; block < 2 * l->blocks; block++) {
        vec taps[TAPS], turned[TAPS];
        load_taps(weight, block, taps);
        for (int k = 0; k < TAPS; k++) turned[k] = taps[TAPS - 1 - k];
        ptrdiff_t at = block * l->strip;
        for (int64_t x = 0; x < e->width; x++, at += LANES)
            STORE(grad_x + at + LANES, convolved(halves, turned, at));
    }
}

/* Three rows in turn: row y lies at place (y + 3) % 3. */
static inline float *row_of(float *ring, int64_t y, const layout *l) { return ring + (y + SIDE) % SIDE * l->row; }

static inline void around(float *ring, int64_t y, const layout *l, const float **rows) {
    for (int i = 0; i < SIDE; i++) rows[i] = row_of(ring, y + i - 1, l);
}

/* Place of a tap of a channel of x among strips of LANES channels. */
static inline ptrdiff_t place(int64_t channel, int k, const extent *e, const layout *l) {
    int64_t half = channel / e->channels, c = channel % e->channels;
    return ((half * l->blocks + c / LANES) * TAPS + k) * LANES + c % LANES;
}

static void spread(const float *weight, const extent *e, const layout *l, float *to) {
    for (int64_t c = 0; c < 2 * e->channels; c++)
        for (int k = 0; k < TAPS; k++) to[place(c, k, e, l)] = weight[c * TAPS + k];
}

static void gather(const float *from, const extent *e, const layout *l, float *weight) {
    for (int64_t c = 0; c < 2 * e->channels; c++)
        for (int k = 0; k < TAPS; k++) weight[c * TAPS + k] = from[place(c, k, e, l)];
}

/* Returns 0, or 1 when there is no memory. */
int gated_conv_forward(const void *x, const float *weight, void *out, const extent *e) {
    layout l = layout_of(e);
    float *ring = zeros(SIDE * l.row), *spreaded = zeros(2 * l.blocks * TAPS * LANES), *outs = zeros(l.row);
    int failed = !ring || !spreaded || !outs;
    const float *rows[SIDE];
    if (!failed) spread(weight, e, &l, spreaded);
    for (int64_t n = e->first; n < e->last && !failed; n++) {
        for (int64_t y = -1; y <= 0; y++) read_row(x, 2, n, y, e, &l, row_of(ring, y, &l));
        for (int64_t y = 0; y < e->height; y++) {
            read_row(x, 2, n, y + 1, e, &l, row_of(ring, y + 1, &l));
            around(ring, y, &l, rows);
            forward_row(rows, spreaded, outs, e, &l);
            write_row(outs, 1, n, y, e, &l, out);
        }
    }
    free(ring), free(spreaded), free(outs);
    return failed;
}

/* grad_weight (2C, 9) is written over. Returns 0, or 1 when there is no memory. */
int gated_conv_backward(const void *x, const float *weight, const void *grad, void *grad_x, float *grad_weight,
                        const extent *e) {
    layout l = layout_of(e);
    float *ring = zeros(SIDE * l.row), *halves = zeros(SIDE * l.row), *spreaded = zeros(2 * l.blocks * TAPS * LANES);
    float *sums = zeros(2 * l.blocks * TAPS * LANES), *row = zeros(l.row);
    int failed = !ring || !halves || !spreaded || !sums || !row;
    const float *rows[SIDE];
    if (!failed) spread(weight, e, &l, spreaded);
    for (int64_t n = e->first; n < e->last && !failed; n++) {
        for (int64_t y = -1; y <= 0; y++) read_row(x, 2, n, y, e, &l, row_of(ring, y, &l));
        memset(row_of(halves, -1, &l), 0, (size_t)l.row * sizeof(float));
        for (int64_t y = 0; y <= e->height; y++) { /* x's gradient follows one row behind */
            if (y < e->height) {
                read_row(x, 2, n, y + 1, e, &l, row_of(ring, y + 1, &l));
                read_row(grad, 1, n, y, e, &l, row);
                around(ring, y, &l, rows);
                grad_halves(rows, spreaded, row, row_of(halves, y, &l), e, &l);
                add_grad_weight(rows, row_of(halves, y, &l), sums, e, &l);
            } else {
                memset(row_of(halves, y, &l), 0, (size_t)l.row * sizeof(float));
            }
            if (y == 0) continue;
            around(halves, y - 1, &l, rows);
            grad_x_row(rows, spreaded, row, e, &l);
            write_row(row, 2, n, y - 1, e, &l, grad_x);
        }
    }
    if (!failed) gather(sums, e, &l, grad_weight);
    free(ring), free(halves), free(spreaded), free(sums), free(row);
    return failed;
}
