/* The sum of the residual stream and a branch, and its normalisation over the channels, for training.

     sum    = x + y
     normed = (sum - mean) / sqrt(variance + EPS) * weight + bias      mean and biased variance over C, for each pixel

   All (pixels, C), channels last. The sum is rounded to that format first, as it is kept; everything
   after it is fp32, up to the last rounding. Nothing but the sum is kept for the backward pass. One call works on pixels
   first..last. Compiled for one number of channels C; EPS_INVERSE is 1 / EPS, a whole number. */

#include "vectors.h"

#define VECTORS ((C + LANES - 1) / LANES)
#define WHOLE (C / LANES) /* vectors without a channel missing */
#define REST (C % LANES)

typedef struct {
    int64_t first, last;
} extent;

static inline int64_t lanes_of(int i) { return i < WHOLE ? LANES : REST; }

/* The channels of one pixel; those missing in the last vector are zero. */
static inline void read_pixel(const element *from, int64_t pixel, vec *to) {
    for (int i = 0; i < VECTORS; i++) to[i] = read_lanes(from + pixel * C + i * LANES, lanes_of(i));
}

static inline void write_pixel(const vec *values, int64_t pixel, element *to) {
    for (int i = 0; i < VECTORS; i++) write_lanes(to + pixel * C + i * LANES, values[i], lanes_of(i));
}

static inline float mean_of(const vec *values) {
    vec sum = values[0];
    for (int i = 1; i < VECTORS; i++) sum += values[i];
    return total(sum) * (1.0f / C);
}

static inline float mean_product(const vec *a, const vec *b) {
    vec sum = a[0] * b[0];
    for (int i = 1; i < VECTORS; i++) sum += a[i] * b[i];
    return total(sum) * (1.0f / C);
}

/* Makes mean 0 and variance 1 of a pixel's values; returns what they were multiplied by. `present` is 1 in the lanes of
   the last vector that have a channel, else 0. */
static inline float normalise(vec *values, vec present) {
    float mean = mean_of(values);
    for (int i = 0; i < VECTORS; i++) values[i] -= mean;
    if (REST) values[VECTORS - 1] *= present;
    float scale = 1.0f / __builtin_sqrtf(mean_product(values, values) + 1.0f / EPS_INVERSE);
    for (int i = 0; i < VECTORS; i++) values[i] *= scale;
    return scale;
}

static inline void read_channels(const float *from, vec *to) {
    to[VECTORS - 1] = (vec){0};
    memcpy(to, from, C * sizeof(float));
}

static inline vec present_lanes(void) {
    vec present = {0};
    for (int lane = 0; lane < LANES; lane++) present[lane] = lane < REST;
    return present;
}

/* Without a branch (y and sum null) x itself is normalised. */
void layer_norm_forward(const element *x, const element *y, const float *weight, const float *bias, element *sum, element *normed,
                        const extent *e) {
    vec present = present_lanes(), scales[VECTORS], shifts[VECTORS], values[VECTORS], branch[VECTORS];
    read_channels(weight, scales);
    read_channels(bias, shifts);
    for (int64_t pixel = e->first; pixel < e->last; pixel++) {
        read_pixel(x, pixel, values);
        if (y) {
            read_pixel(y, pixel, branch);
            for (int i = 0; i < VECTORS; i++) values[i] = as_kept(values[i] + branch[i]);
            write_pixel(values, pixel, sum);
        }
        normalise(values, present);
        for (int i = 0; i < VECTORS; i++) values[i] = values[i] * scales[i] + shifts[i];
        write_pixel(values, pixel, normed);
    }
}

/* The sum's whole gradient, from its own (null where there is none) and that of what was normed. grad_weight and
   grad_bias, C each, are written over. */
void layer_norm_backward(const element *sum, const float *weight, const element *grad_sum, const element *grad_normed,
                         element *grad, float *grad_weight, float *grad_bias, const extent *e) {
    vec present = present_lanes(), scales[VECTORS], of_scales[VECTORS] = {{0}}, of_shifts[VECTORS] = {{0}};
    vec values[VECTORS], grads[VECTORS], others[VECTORS] = {{0}};
    read_channels(weight, scales);
    for (int64_t pixel = e->first; pixel < e->last; pixel++) {
        read_pixel(sum, pixel, values);
        read_pixel(grad_normed, pixel, grads);
        if (grad_sum) read_pixel(grad_sum, pixel, others);
        float scale = normalise(values, present);
        for (int i = 0; i < VECTORS; i++) {
            of_scales[i] += grads[i] * values[i];
            of_shifts[i] += grads[i];
            grads[i] *= scales[i];
        }
        float mean = mean_of(grads), along = mean_product(grads, values);
        for (int i = 0; i < VECTORS; i++) grads[i] = (grads[i] - mean - values[i] * along) * scale + others[i];
        write_pixel(grads, pixel, grad);
    }
    memcpy(grad_weight, of_scales, C * sizeof(float));
    memcpy(grad_bias, of_shifts, C * sizeof(float));
}
