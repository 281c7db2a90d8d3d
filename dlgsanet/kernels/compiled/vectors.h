/* What the kernels share: vectors of the processor's width, and the elements of pictures. GCC's and Clang's extension. */

#ifndef DLGSANET_VECTORS_H
#define DLGSANET_VECTORS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __AVX512F__
#include <immintrin.h>
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif

#ifndef HALF
#define HALF 0 /* of a picture's elements: 0: float, 1: bfloat16 */
#endif

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));
typedef float quad __attribute__((vector_size(16)));
typedef float loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias)); /* at any float's address */
typedef uint16_t halves __attribute__((vector_size(2 * LANES)));
typedef uint16_t loose_halves __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

#define LOAD(p) ((vec)(*(const loose *)(p)))
#define STORE(p, v) (*(loose *)(p) = (loose)(v))

static inline int64_t whole_vectors(int64_t length) { return (length + LANES - 1) / LANES * LANES; }

/* Floats that are zero, from a vector's address on; null when there is no memory. */
static inline float *zeros(ptrdiff_t count) {
    void *to = NULL;
    size_t bytes = (size_t)count * sizeof(float);
    if (posix_memalign(&to, sizeof(vec), bytes)) return NULL;
    return memset(to, 0, bytes);
}

/* Lane by lane: `yes` where the comparison held, else `no`. */
static inline vec chosen(ivec held, vec yes, vec no) { return (vec)((held & (ivec)yes) | (~held & (ivec)no)); }

/* Lane by lane, number from[lane] of a's and then b's lanes. */
static inline vec picked(vec a, vec b, ivec from) {
#ifdef __AVX512F__
    return (vec)_mm512_permutex2var_ps((__m512)a, (__m512i)from, (__m512)b);
#else
    vec to;
    for (int lane = 0; lane < LANES; lane++) to[lane] = from[lane] < LANES ? a[from[lane]] : b[from[lane] - LANES];
    return to;
#endif
}

/* Lane j of vector i becomes lane i of vector j: squares of 1, 2, 4... lanes change places. */
static inline void transpose(vec *square) {
    for (int step = 1; step < LANES; step *= 2) {
        ivec upper, lower;
        for (int lane = 0; lane < LANES; lane++) {
            upper[lane] = lane & step ? LANES + lane - step : lane;
            lower[lane] = lane & step ? LANES + lane : lane + step;
        }
        for (int i = 0; i < LANES; i++) {
            if (i & step) continue;
            vec a = square[i], b = square[i + step];
            square[i] = picked(a, b, upper);
            square[i + step] = picked(a, b, lower);
        }
    }
}

static inline float total(vec v) {
    union {
        vec whole;
        quad parts[LANES / 4];
    } both = {v};
    quad sum = both.parts[0];
    for (int part = 1; part < LANES / 4; part++) sum += both.parts[part];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static inline vec widened(halves bits) {
#ifdef __AVX512F__
    return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)bits), 16);
#else
    return (vec)(__builtin_convertvector(bits, uvec) << 16);
#endif
}

static inline halves narrowed(vec values) { /* to the nearest bfloat16, ties to even; NaN stays NaN */
#ifdef __AVX512BF16__
    return (halves)_mm512_cvtneps_pbh((__m512)values); /* numbers below 2^-126 become zero */
#else
    uvec bits = (uvec)values, rounded = bits + 0x7fff + (bits >> 16 & 1);
    ivec number = (ivec)(bits & 0x7fffffff) <= 0x7f800000;
    uvec kept = (uvec)chosen(number, (vec)rounded, (vec)(bits | 0x400000));
    return (halves)__builtin_convertvector(kept >> 16, halves);
#endif
}

#if HALF
typedef uint16_t element;

static inline vec read_vector(const element *from) { return widened((halves) * (const loose_halves *)from); }

static inline void write_vector(element *to, vec values) { *(loose_halves *)to = (loose_halves)narrowed(values); }

static inline vec as_kept(vec values) { return widened(narrowed(values)); } /* what is read after it was written */
#else
typedef float element;

static inline vec read_vector(const element *from) { return LOAD(from); }

static inline void write_vector(element *to, vec values) { STORE(to, values); }

static inline vec as_kept(vec values) { return values; }
#endif

/* The first `count` lanes; those read beyond are zero. */
static inline vec read_lanes(const element *from, int64_t count) {
    if (count == LANES) return read_vector(from);
#if HALF && defined(__AVX512BW__) && defined(__AVX512VL__)
    return widened((halves)_mm256_maskz_loadu_epi16((__mmask16)((1u << count) - 1), from));
#elif !HALF && defined(__AVX512F__)
    return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
#else
    element lanes[LANES] = {0};
    memcpy(lanes, from, (size_t)count * sizeof(element));
    return read_vector(lanes);
#endif
}

static inline void write_lanes(element *to, vec values, int64_t count) {
    if (count == LANES) {
        write_vector(to, values);
        return;
    }
#if HALF && defined(__AVX512BW__) && defined(__AVX512VL__)
    _mm256_mask_storeu_epi16(to, (__mmask16)((1u << count) - 1), (__m256i)narrowed(values));
#elif !HALF && defined(__AVX512F__)
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), (__m512)values);
#else
    element lanes[LANES];
    write_vector(lanes, values);
    memcpy(to, lanes, (size_t)count * sizeof(element));
#endif
}

#endif
