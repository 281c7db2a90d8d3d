/* The dynamic depthwise convolution together with the 1x1 convolution that makes its filters, for training.

     filters[n, g*K*K + k, p] = bias[g*K*K + k] + sum_{r < R} weight[g*K*K + k, r] * z[n, r, p]
     out[n, g*M + m, p]       = sum_{k < K*K} filters[n, g*K*K + k, p] * u[n, g*M + m, p + offset(k)]

   The filters (K*K maps a group) are the largest tensor of the network. Here they live in registers (forward)
   or one group of one image at a time in the cache (backward), and are never written to memory.

   Compiled for one network: K (side of a filter), M (channels that share one), R (maps of z) are constants.
   Images are worked on as padded fp32 planes whatever their format outside; sums are fp32. One call works on
   images first..last of the batch: callers share a batch among threads, each with its own sums. */

#include "vectors.h"

#define TAPS (K * K)
#define EDGE (K / 2)

/* A picture (N, C, H, W) anywhere in memory: strides in elements. */
typedef struct {
    element *data;
    int64_t strides[4];
} picture;

typedef struct {
    int64_t groups, height, width, first, last;
} extent;

/* Planes of one image: rows of `stride` floats, a border of EDGE zeros all around. */
typedef struct {
    ptrdiff_t stride, plane, size_x; /* size_x: width rounded up to whole vectors */
} layout;

static layout layout_of(const extent *e) {
    layout l;
    l.size_x = whole_vectors(e->width);
    l.stride = l.size_x + 2 * EDGE;
    l.plane = l.stride * (e->height + 2 * EDGE);
    return l;
}

static void read_planes(const picture *from, int64_t n, int64_t maps, const extent *e, const layout *l, float *to) {
    const int64_t *s = from->strides;
    for (int64_t y = 0; y < e->height; y++)
        for (int64_t c = 0; c < maps; c++) {
            float *row = to + c * l->plane + (y + EDGE) * l->stride + EDGE;
            int64_t at = n * s[0] + c * s[1] + y * s[2];
            for (int64_t x = 0; x < e->width; x++) row[x] = read_one(from->data + at + x * s[3]);
        }
}

static void write_planes(const float *from, int64_t n, int64_t maps, const extent *e, const layout *l, const picture *to) {
    const int64_t *s = to->strides;
    for (int64_t y = 0; y < e->height; y++)
        for (int64_t c = 0; c < maps; c++) {
            const float *row = from + c * l->plane + (y + EDGE) * l->stride + EDGE;
            int64_t at = n * s[0] + c * s[1] + y * s[2];
            for (int64_t x = 0; x < e->width; x++) write_one(to->data + at + x * s[3], row[x]);
        }
}

static inline vec filter_at(const float *weight, float bias, const vec *z) {
    vec sum = z[0] * weight[0] + bias;
    for (int r = 1; r < R; r++) sum += z[r] * weight[r];
    return sum;
}

static void forward_group(const float *u, const float *z, const float *weight, const float *bias, float *out,
                          const extent *e, const layout *l) {
    for (int64_t y = 0; y < e->height; y++)
        for (ptrdiff_t x = 0; x < l->size_x; x += LANES) {
            ptrdiff_t centre = (y + EDGE) * l->stride + EDGE + x, corner = y * l->stride + x;
            vec zs[R], sums[M];
            for (int r = 0; r < R; r++) zs[r] = LOAD(z + r * l->plane + centre);
            for (int m = 0; m < M; m++) sums[m] = (vec){0};
            for (int i = 0; i < K; i++)
                for (int j = 0; j < K; j++) {
                    int k = i * K + j;
                    vec filter = filter_at(weight + k * R, bias[k], zs);
                    const float *tap = u + corner + i * l->stride + j;
                    for (int m = 0; m < M; m++) sums[m] += filter * LOAD(tap + m * l->plane);
                }
            for (int m = 0; m < M; m++) STORE(out + m * l->plane + centre, sums[m]);
        }
}

/* The filters of one group once more, and their gradients. */
static void filters_and_gradients(const float *u, const float *z, const float *grad, const float *weight,
                                  const float *bias, float *filters, float *grad_filters, const extent *e,
                                  const layout *l) {
    for (int64_t y = 0; y < e->height; y++)
        for (ptrdiff_t x = 0; x < l->size_x; x += LANES) {
            ptrdiff_t centre = (y + EDGE) * l->stride + EDGE + x, corner = y * l->stride + x;
            vec zs[R], gs[M];
            for (int r = 0; r < R; r++) zs[r] = LOAD(z + r * l->plane + centre);
            for (int m = 0; m < M; m++) gs[m] = LOAD(grad + m * l->plane + centre);
            for (int i = 0; i < K; i++)
                for (int j = 0; j < K; j++) {
                    int k = i * K + j;
                    const float *tap = u + corner + i * l->stride + j;
                    vec sum = gs[0] * LOAD(tap);
                    for (int m = 1; m < M; m++) sum += gs[m] * LOAD(tap + m * l->plane);
                    STORE(filters + k * l->plane + centre, filter_at(weight + k * R, bias[k], zs));
                    STORE(grad_filters + k * l->plane + centre, sum);
                }
        }
}

static void add_grad_z(const float *grad_filters, const float *weight, float *grad_z, const extent *e, const layout *l) {
    for (int64_t y = 0; y < e->height; y++)
        for (ptrdiff_t x = 0; x < l->size_x; x += LANES) {
            ptrdiff_t centre = (y + EDGE) * l->stride + EDGE + x;
            vec sums[R];
            for (int r = 0; r < R; r++) sums[r] = LOAD(grad_z + r * l->plane + centre);
            for (int k = 0; k < TAPS; k++) {
                vec grad = LOAD(grad_filters + k * l->plane + centre);
                for (int r = 0; r < R; r++) sums[r] += grad * weight[k * R + r];
            }
            for (int r = 0; r < R; r++) STORE(grad_z + r * l->plane + centre, sums[r]);
        }
}

static void add_grad_weight(const float *grad_filters, const float *z, float *grad_weight, float *grad_bias,
                            const extent *e, const layout *l) {
    for (int k = 0; k < TAPS; k++) {
        vec sums[R], alone = {0};
        for (int r = 0; r < R; r++) sums[r] = (vec){0};
        for (int64_t y = 0; y < e->height; y++)
            for (ptrdiff_t x = 0; x < l->size_x; x += LANES) {
                ptrdiff_t centre = (y + EDGE) * l->stride + EDGE + x;
                vec grad = LOAD(grad_filters + k * l->plane + centre);
                alone += grad;
                for (int r = 0; r < R; r++) sums[r] += grad * LOAD(z + r * l->plane + centre);
            }
        grad_bias[k] += total(alone);
        for (int r = 0; r < R; r++) grad_weight[k * R + r] += total(sums[r]);
    }
}

/* Each pixel of u was seen by its neighbours, through their filters. */
static void grad_u_group(const float *filters, const float *grad, float *grad_u, const extent *e, const layout *l) {
    for (int64_t y = 0; y < e->height; y++)
        for (ptrdiff_t x = 0; x < l->size_x; x += LANES) {
            ptrdiff_t centre = (y + EDGE) * l->stride + EDGE + x;
            vec sums[M];
            for (int m = 0; m < M; m++) sums[m] = (vec){0};
            for (int i = 0; i < K; i++)
                for (int j = 0; j < K; j++) {
                    ptrdiff_t from = centre - (i - EDGE) * l->stride - (j - EDGE);
                    vec filter = LOAD(filters + (i * K + j) * l->plane + from);
                    for (int m = 0; m < M; m++) sums[m] += filter * LOAD(grad + m * l->plane + from);
                }
            for (int m = 0; m < M; m++) STORE(grad_u + m * l->plane + centre, sums[m]);
        }
}

static float *planes(int64_t maps, const layout *l) { return calloc((size_t)(maps * l->plane), sizeof(float)); }

/* Returns 0, or 1 when there is no memory. */
int dynamic_conv_forward(const picture *u, const picture *z, const float *weight, const float *bias,
                         const picture *out, const extent *e) {
    layout l = layout_of(e);
    int64_t channels = e->groups * M;
    float *us = planes(channels, &l), *zs = planes(R, &l), *outs = planes(channels, &l);
    int failed = !us || !zs || !outs;
    for (int64_t n = e->first; n < e->last && !failed; n++) {
        read_planes(u, n, channels, e, &l, us);
        read_planes(z, n, R, e, &l, zs);
        for (int64_t g = 0; g < e->groups; g++)
            forward_group(us + g * M * l.plane, zs, weight + g * TAPS * R, bias + g * TAPS, outs + g * M * l.plane, e, &l);
        write_planes(outs, n, channels, e, &l, out);
    }
    free(us), free(zs), free(outs);
    return failed;
}

/* grad_weight (groups*TAPS, R) and grad_bias are added to. Returns 0, or 1 when there is no memory. */
int dynamic_conv_backward(const picture *u, const picture *z, const float *weight, const float *bias,
                          const picture *grad, const picture *grad_u, const picture *grad_z, float *grad_weight,
                          float *grad_bias, const extent *e) {
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
            filters_and_gradients(us + at, zs, gs + at, own, bias + g * TAPS, filters, gfs, e, &l);
            add_grad_z(gfs, own, gzs, e, &l);
            add_grad_weight(gfs, zs, grad_weight + g * TAPS * R, grad_bias + g * TAPS, e, &l);
            grad_u_group(filters, gs + at, gus + at, e, &l);
        }
        write_planes(gus, n, channels, e, &l, grad_u);
        write_planes(gzs, n, R, e, &l, grad_z);
    }
    free(us), free(zs), free(gs), free(gus), free(gzs), free(filters), free(gfs);
    return failed;
}
