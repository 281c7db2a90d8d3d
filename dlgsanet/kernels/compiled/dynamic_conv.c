/* The dynamic depthwise convolution together with the 1x1 convolution that makes its filters, for training.

     filters[n, g*K*K + k, p] = bias[g*K*K + k] + sum_{r < R} weight[g*K*K + k, r] * z[n, r, p]
     out[n, g*M + m, p]       = sum_{k < K*K} filters[n, g*K*K + k, p] * u[n, g*M + m, p + offset(k)]

   The filters (K*K maps a group) are the largest tensor of the network. Here they live in registers (forward)
   or one group of one image at a time in the cache (backward), and are never written to memory.

   u, z and out (N, H, W, channels), channels last. Compiled for one network: K (side of a filter, at most 2 * LANES),
   M (channels that share one), R (maps of z) are constants. Images are worked on as padded fp32 planes; sums are fp32.
   One call works on images first..last of the batch: callers share a batch among threads, each with its own sums. */

#include "vectors.h"

#define TAPS (K * K)
#define EDGE (K / 2)

typedef struct {
    int64_t groups, height, width, first, last;
} extent;

/* A map of one image with zeros around. Work goes along `lines` of `length` floats, whole vectors: the picture's rows,
   or, where rows would leave more of their last vector empty, the whole picture with the zeros between its rows. */
typedef struct {
    ptrdiff_t stride, lines, length, start, plane; /* start: of the first pixel, a vector's address */
} layout;

static layout layout_of(const extent *e) {
    layout rows = {whole_vectors(e->width) + LANES, e->height, whole_vectors(e->width), 0, 0};
    layout whole = {e->width + EDGE, 1, whole_vectors(e->height * (e->width + EDGE)), 0, 0};
    layout l = whole.length < rows.lines * rows.length ? whole : rows;
    ptrdiff_t around = whole_vectors(EDGE * l.stride + EDGE);
    l.start = around;
    l.plane = 2 * around + whole_vectors((l.lines - 1) * l.stride + l.length) + LANES; /* WINDOW reads ahead */
    return l;
}

static float *planes(int64_t maps, const layout *l) { return zeros(maps * l->plane); }

static inline int64_t at_most_lanes(int64_t count) { return count < LANES ? count : LANES; }

/* Squares of LANES pixels and maps. What is written beyond a row's end is zero; the next row comes later. */
static void read_planes(const element *from, int64_t n, int64_t maps, const extent *e, const layout *l, float *to) {
    vec square[LANES];
    for (int64_t y = 0; y < e->height; y++)
        for (int64_t x = 0; x < e->width; x += LANES)
            for (int64_t c = 0; c < maps; c += LANES) {
                int64_t width = at_most_lanes(e->width - x), count = at_most_lanes(maps - c);
                const element *pixel = from + ((n * e->height + y) * e->width + x) * maps + c;
                for (int i = 0; i < LANES; i++) square[i] = i < width ? read_lanes(pixel + i * maps, count) : (vec){0};
                transpose(square);
                float *row = to + c * l->plane + l->start + y * l->stride + x;
                for (int64_t i = 0; i < count; i++) STORE(row + i * l->plane, square[i]);
            }
}

static void write_planes(const float *from, int64_t n, int64_t maps, const extent *e, const layout *l, element *to) {
    vec square[LANES];
    for (int64_t y = 0; y < e->height; y++)
        for (int64_t x = 0; x < e->width; x += LANES)
            for (int64_t c = 0; c < maps; c += LANES) {
                int64_t width = at_most_lanes(e->width - x), count = at_most_lanes(maps - c);
                const float *row = from + c * l->plane + l->start + y * l->stride + x;
                for (int i = 0; i < LANES; i++) square[i] = i < count ? LOAD(row + i * l->plane) : (vec){0};
                transpose(square);
                element *pixel = to + ((n * e->height + y) * e->width + x) * maps + c;
                for (int64_t i = 0; i < width; i++) write_lanes(pixel + i * maps, square[i], count);
            }
}

/* The K vectors that begin at p, p + 1, ...: shifted out of two, as most of them lie across cache lines. */
#if defined(__AVX512F__) && K == 7
#define SHIFTED(j) (vec) _mm512_alignr_epi32((__m512i)next, (__m512i)first, j)
static inline void window(const float *p, vec *to) {
    vec first = LOAD(p), next = LOAD(p + LANES);
    to[0] = first, to[1] = SHIFTED(1), to[2] = SHIFTED(2), to[3] = SHIFTED(3);
    to[4] = SHIFTED(4), to[5] = SHIFTED(5), to[6] = SHIFTED(6);
}
#else
static inline void window(const float *p, vec *to) {
    for (int j = 0; j < K; j++) to[j] = LOAD(p + j);
}
#endif

/* One row of a filter, from the maps at the same place. */
static inline void filter_row(const float *weight, const float *bias, const vec *z, vec *to) {
    for (int j = 0; j < K; j++) to[j] = z[0] * weight[j * R] + bias[j];
    for (int r = 1; r < R; r++)
        for (int j = 0; j < K; j++) to[j] += z[r] * weight[j * R + r];
}

static void forward_group(const float *u, const float *z, const float *weight, const float *bias, float *out,
                          const layout *l) {
    for (ptrdiff_t line = 0; line < l->lines; line++)
        for (ptrdiff_t x = 0; x < l->length; x += LANES) {
            ptrdiff_t centre = l->start + line * l->stride + x, corner = centre - EDGE * l->stride - EDGE;
            vec zs[R], sums[M], filter[K], seen[K];
            for (int r = 0; r < R; r++) zs[r] = LOAD(z + r * l->plane + centre);
            for (int m = 0; m < M; m++) sums[m] = (vec){0};
            for (int i = 0; i < K; i++) {
                filter_row(weight + i * K * R, bias + i * K, zs, filter);
                for (int m = 0; m < M; m++) {
                    window(u + m * l->plane + corner + i * l->stride, seen);
                    for (int j = 0; j < K; j++) sums[m] += filter[j] * seen[j];
                }
            }
            for (int m = 0; m < M; m++) STORE(out + m * l->plane + centre, sums[m]);
        }
}

/* The filters of one group once more. */
static void make_filters(const float *z, const float *weight, const float *bias, float *filters, const layout *l) {
    for (ptrdiff_t line = 0; line < l->lines; line++)
        for (ptrdiff_t x = 0; x < l->length; x += LANES) {
            ptrdiff_t centre = l->start + line * l->stride + x;
            vec zs[R], filter[K];
            for (int r = 0; r < R; r++) zs[r] = LOAD(z + r * l->plane + centre);
            for (int i = 0; i < K; i++) {
                filter_row(weight + i * K * R, bias + i * K, zs, filter);
                for (int j = 0; j < K; j++) STORE(filters + (i * K + j) * l->plane + centre, filter[j]);
            }
        }
}

/* The gradients of one group's filters, and what they add to that of z. */
static void grad_of_filters(const float *u, const float *grad, const float *weight, float *grad_filters, float *grad_z,
                            const layout *l) {
    for (ptrdiff_t line = 0; line < l->lines; line++)
        for (ptrdiff_t x = 0; x < l->length; x += LANES) {
            ptrdiff_t centre = l->start + line * l->stride + x, corner = centre - EDGE * l->stride - EDGE;
            vec of_z[R], row[K], seen[K];
            for (int r = 0; r < R; r++) of_z[r] = LOAD(grad_z + r * l->plane + centre);
            for (int i = 0; i < K; i++) {
                for (int j = 0; j < K; j++) row[j] = (vec){0};
                for (int m = 0; m < M; m++) {
                    vec g = LOAD(grad + m * l->plane + centre);
                    window(u + m * l->plane + corner + i * l->stride, seen);
                    for (int j = 0; j < K; j++) row[j] += g * seen[j];
                }
                for (int j = 0; j < K; j++) {
                    int k = i * K + j;
                    STORE(grad_filters + k * l->plane + centre, row[j]);
                    for (int r = 0; r < R; r++) of_z[r] += row[j] * weight[k * R + r];
                }
            }
            for (int r = 0; r < R; r++) STORE(grad_z + r * l->plane + centre, of_z[r]);
        }
}

/* Of `count` taps, at most two, that share what is read of z. */
static inline void add_grad_taps(int count, const float *grad_filters, const float *z, float *grad_weight,
                                 float *grad_bias, const layout *l) {
    vec sums[2][R], alone[2];
    for (int k = 0; k < count; k++) {
        alone[k] = (vec){0};
        for (int r = 0; r < R; r++) sums[k][r] = (vec){0};
    }
    for (ptrdiff_t line = 0; line < l->lines; line++)
        for (ptrdiff_t x = 0; x < l->length; x += LANES) {
            ptrdiff_t centre = l->start + line * l->stride + x;
            vec grads[2];
            for (int k = 0; k < count; k++) alone[k] += grads[k] = LOAD(grad_filters + k * l->plane + centre);
            for (int r = 0; r < R; r++) {
                vec other = LOAD(z + r * l->plane + centre);
                for (int k = 0; k < count; k++) sums[k][r] += grads[k] * other;
            }
        }
    for (int k = 0; k < count; k++) {
        grad_bias[k] += total(alone[k]);
        for (int r = 0; r < R; r++) grad_weight[k * R + r] += total(sums[k][r]);
    }
}

static void add_grad_weight(const float *grad_filters, const float *z, float *grad_weight, float *grad_bias,
                            const layout *l) {
    for (int k = 0; k + 1 < TAPS; k += 2)
        add_grad_taps(2, grad_filters + k * l->plane, z, grad_weight + k * R, grad_bias + k, l);
    if (TAPS % 2)
        add_grad_taps(1, grad_filters + (TAPS - 1) * l->plane, z, grad_weight + (TAPS - 1) * R, grad_bias + TAPS - 1, l);
}

/* Each pixel of u was seen by its neighbours, through their filters. */
static void grad_u_group(const float *filters, const float *grad, float *grad_u, const layout *l) {
    for (ptrdiff_t line = 0; line < l->lines; line++)
        for (ptrdiff_t x = 0; x < l->length; x += LANES) {
            ptrdiff_t centre = l->start + line * l->stride + x;
            vec sums[M], filter[K], seen[K];
            for (int m = 0; m < M; m++) sums[m] = (vec){0};
            for (int i = 0; i < K; i++) {
                ptrdiff_t from = centre - (i - EDGE) * l->stride - EDGE; /* of the last tap of this row */
                for (int j = 0; j < K; j++) filter[j] = LOAD(filters + (i * K + K - 1 - j) * l->plane + from + j);
                for (int m = 0; m < M; m++) {
                    window(grad + m * l->plane + from, seen);
                    for (int j = 0; j < K; j++) sums[m] += filter[j] * seen[j];
                }
            }
            for (int m = 0; m < M; m++) STORE(grad_u + m * l->plane + centre, sums[m]);
        }
}

/* Returns 0, or 1 when there is no memory. */
int dynamic_conv_forward(const element *u, const element *z, const float *weight, const float *bias, element *out,
                         const extent *e) {
    layout l = layout_of(e);
    int64_t channels = e->groups * M;
    float *us = planes(channels, &l), *zs = planes(R, &l), *outs = planes(channels, &l);
    int failed = !us || !zs || !outs;
    for (int64_t n = e->first; n < e->last && !failed; n++) {
        read_planes(u, n, channels, e, &l, us);
        read_planes(z, n, R, e, &l, zs);
        for (int64_t g = 0; g < e->groups; g++)
            forward_group(us + g * M * l.plane, zs, weight + g * TAPS * R, bias + g * TAPS, outs + g * M * l.plane, &l);
        write_planes(outs, n, channels, e, &l, out);
    }
    free(us), free(zs), free(outs);
    return failed;
}

/* grad_weight (groups*TAPS, R) and grad_bias are added to. Returns 0, or 1 when there is no memory. */
int dynamic_conv_backward(const element *u, const element *z, const float *weight, const float *bias,
                          const element *grad, element *grad_u, element *grad_z, float *grad_weight, float *grad_bias,
                          const extent *e) {
    layout l = layout_of(e);
    int64_t channels = e->groups * M;
    float *us = planes(channels, &l), *zs = planes(R, &l), *gs = planes(channels, &l), *gus = planes(channels, &l);
    float *gzs = planes(R, &l), *filters = planes(TAPS, &l), *gfs = planes(TAPS, &l);
    int failed = !us || !zs || !gs || !gus || !gzs || !filters || !gfs;
    for (int64_t n = e->first; n < e->last && !failed; n++) {
        read_planes(u, n, channels, e, &l, us);
        read_planes(z, n, R, e, &l, zs);
        read_planes(grad, n, channels, e, &l, gs);
        memset(gzs, 0, (size_t)(R * l.plane) * sizeof(float));
        for (int64_t g = 0; g < e->groups; g++) {
            ptrdiff_t at = g * M * l.plane;
            const float *own = weight + g * TAPS * R;
            make_filters(zs, own, bias + g * TAPS, filters, &l);
            grad_of_filters(us + at, gs + at, own, gfs, gzs, &l);
            add_grad_weight(gfs, zs, grad_weight + g * TAPS * R, grad_bias + g * TAPS, &l);
            grad_u_group(filters, gs + at, gus + at, &l);
        }
        write_planes(gus, n, channels, e, &l, grad_u);
        write_planes(gzs, n, R, e, &l, grad_z);
    }
    free(us), free(zs), free(gs), free(gus), free(gzs), free(filters), free(gfs);
    return failed;
}
