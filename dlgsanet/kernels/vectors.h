/* What the kernels share: vectors of the processor's width, and bfloat16. GCC's and Clang's vector extension. */

#ifndef DLGSANET_VECTORS_H
#define DLGSANET_VECTORS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __AVX512F__
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
typedef float loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias)); /* at any float's address */

#define LOAD(p) ((vec)(*(const loose *)(p)))
#define STORE(p, v) (*(loose *)(p) = (loose)(v))

static inline int64_t whole_vectors(int64_t length) { return (length + LANES - 1) / LANES * LANES; }

static inline float widened(uint16_t bits) {
    union {
        uint32_t i;
        float f;
    } both = {(uint32_t)bits << 16};
    return both.f;
}

static inline uint16_t narrowed(float value) { /* to the nearest bfloat16, ties to even; NaN stays NaN */
    union {
        float f;
        uint32_t i;
    } both = {value};
    uint32_t rounded = both.i + 0x7fff + (both.i >> 16 & 1);
    uint32_t quiet = both.i | 0x400000;
    return (uint16_t)(((both.i & 0x7fffffffu) > 0x7f800000u ? quiet : rounded) >> 16);
}

/* Lane by lane: `yes` where the comparison held, else `no`. */
static inline vec chosen(ivec held, vec yes, vec no) { return (vec)((held & (ivec)yes) | (~held & (ivec)no)); }

typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));
typedef uint16_t halves __attribute__((vector_size(2 * LANES), aligned(2), may_alias)); /* bfloat16, anywhere */

static inline vec load_halves(const uint16_t *from) {
    return (vec)(__builtin_convertvector(*(const halves *)from, uvec) << 16);
}

static inline void store_halves(uint16_t *to, vec values) { /* rounds as `narrowed` does */
    uvec bits = (uvec)values, rounded = bits + 0x7fff + (bits >> 16 & 1);
    ivec number = (ivec)(bits & 0x7fffffff) <= 0x7f800000;
    uvec kept = (uvec)chosen(number, (vec)rounded, (vec)(bits | 0x400000));
    *(halves *)to = (halves)__builtin_convertvector(kept >> 16, halves);
}

static inline float total(vec v) {
    float sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += v[lane];
    return sum;
}

#endif
