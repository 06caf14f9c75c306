// Sixteen lanes, whatever the width of the machine's registers: clang splits or fuses them. Included by each path's
// file after its target attribute, so the same text becomes AVX-512, AVX2, NEON or scalar code with the same results.
#include "CKernels.h"

#pragma clang fp contract(off)
// Vectors wider than the registers may not cross a call the same way everywhere; here every call is inlined.
#pragma clang diagnostic ignored "-Wpsabi"

#define CK_INLINE static inline __attribute__((always_inline))

typedef float lanes __attribute__((ext_vector_type(16), aligned(4)));
typedef int32_t lanes_i32 __attribute__((ext_vector_type(16), aligned(4)));
typedef uint32_t lanes_u32 __attribute__((ext_vector_type(16), aligned(4)));
typedef int8_t lanes_i8 __attribute__((ext_vector_type(16), aligned(1)));
typedef uint8_t lanes_u8 __attribute__((ext_vector_type(16), aligned(1)));

// To the second level of the cache. Processors see for themselves that a panel is read in order, but stop at the end of a
// page, and wait at the beginning of the next panel.
CK_INLINE void prefetch(const void *p) { __builtin_prefetch(p, 0, 2); }

CK_INLINE lanes load(const float *p) { return *(const lanes *)p; }
CK_INLINE void store(float *p, lanes v) { *(lanes *)p = v; }
CK_INLINE lanes fill(float v) { return (lanes)v; }
CK_INLINE lanes multiply_add(lanes a, lanes b, lanes c) { return __builtin_elementwise_fma(a, b, c); }
CK_INLINE lanes larger(lanes a, lanes b) { return a > b ? a : b; }
CK_INLINE lanes smaller(lanes a, lanes b) { return a < b ? a : b; }
CK_INLINE lanes magnitude(lanes v) { return __builtin_elementwise_abs(v); }

// The order of these reductions is part of the result: halves are folded onto each other, 16, 8, 4, 2.
CK_INLINE float sum_lanes(lanes v) {
  float __attribute__((ext_vector_type(8))) a = v.lo + v.hi;
  float __attribute__((ext_vector_type(4))) b = a.lo + a.hi;
  return (b.x + b.z) + (b.y + b.w);
}
// Not __builtin_reduce_max, which goes lane after lane and looks for NaN each time.
CK_INLINE float max_lanes(lanes v) {
  float __attribute__((ext_vector_type(8))) a = v.lo > v.hi ? v.lo : v.hi;
  float __attribute__((ext_vector_type(4))) b = a.lo > a.hi ? a.lo : a.hi;
  float x = b.x > b.z ? b.x : b.z, y = b.y > b.w ? b.y : b.w;
  return x > y ? x : y;
}

// Adding 1.5 * 2^23 leaves round-half-even(v) in the low bits for |v| < 2^22, with the same result on every machine.
static const float round_magic = 12582912.0f;

// The lowest byte of each lane's bits.
CK_INLINE lanes_u8 low_bytes(lanes v) { return __builtin_convertvector((lanes_i32)v, lanes_u8); }

// 2^x for x <= 126; what lies below -126 becomes 2^-126, about 1.2e-38. Relative error below 3e-7.
// x = n + r with |r| <= 1/2, the Taylor series of 2^r to r^6, then n into the exponent. The rounded sum with the magic
// number holds n in its low bits.
CK_INLINE lanes exponential2(lanes x) {
  x = larger(x, fill(-126.0f));
  lanes shifted = x + round_magic;
  lanes r = x - (shifted - round_magic);
  lanes p = fill(1.5403530e-4f);
  p = multiply_add(p, r, fill(1.3333558e-3f));
  p = multiply_add(p, r, fill(9.6181291e-3f));
  p = multiply_add(p, r, fill(5.5504109e-2f));
  p = multiply_add(p, r, fill(2.4022651e-1f));
  p = multiply_add(p, r, fill(6.9314718e-1f));
  p = multiply_add(p, r, fill(1.0f));
  return (lanes)((lanes_i32)p + ((lanes_i32)shifted << 23));
}

// 2^(t - coarse_origin) for t < 255, for softmax weights, which become bytes: relative error below 1.8e-3. What lies below
// 2^-97 becomes 2^-97. From 128 to 256 a float counts in steps of 2^-16, so its bits are a number n + f in fixed point;
// moved by 7, n is in the place of an exponent and f in that of a mantissa, which makes 2^n (1 + f). What is too much of
// that, 1 + f - 2^f, is a parabola in 1 + f. With 1 added its bits hold an exponent besides, which the factor of 2^100
// makes the one to be taken off.
static const float coarse_origin = 226.0f;
CK_INLINE lanes exponential2_coarse(lanes t) {
  lanes_u32 bits = (lanes_u32)larger(t, fill(129.0f)) << 7;
  lanes m = (lanes)((bits & 0x7FFFFF) | 0x3F800000);
  lanes excess = fill(-4.2660411873154024e29f);
  excess = multiply_add(excess, m, fill(1.2884965614830268e30f));
  excess = multiply_add(excess, m, fill(4.057584219292659e29f));
  return (lanes)(bits - (lanes_u32)excess);
}

// erf(x / sqrt 2). erf(x / sqrt 2) / x is a rational function of x^2 fitted on |x| <= 5.3, where erf is
// within 1.2e-7 of 1; beyond that it is held. Absolute error below 5e-7.
CK_INLINE lanes error_function(lanes x) {
  lanes z = smaller(larger(x, fill(-5.3f)), fill(5.3f));
  lanes u = z * z;
  lanes p = fill(1.276277362194378e-05f);
  p = multiply_add(p, u, fill(6.974746356718242e-04f));
  p = multiply_add(p, u, fill(1.1491235345602036e-02f));
  p = multiply_add(p, u, fill(1.0540471971035004e-01f));
  p = multiply_add(p, u, fill(7.978835701942444e-01f));
  lanes q = fill(5.379769163482706e-07f);
  q = multiply_add(q, u, fill(1.2513299589045346e-04f));
  q = multiply_add(q, u, fill(2.904534572735429e-03f));
  q = multiply_add(q, u, fill(3.921036794781685e-02f));
  q = multiply_add(q, u, fill(2.9876405000686646e-01f));
  q = multiply_add(q, u, fill(1.0f));
  return z * p / q;
}

// 0.5 x (1 + erf(x / sqrt 2)); absolute error below 1.2e-6.
CK_INLINE lanes gelu(lanes x) {
  lanes half = x * 0.5f;
  return multiply_add(half, error_function(x), half);
}

// The same where int8 follows, which rounds to a 127th of a row's largest: max(x, 0) - |x| Q(|x|), where Q is the upper
// tail of the normal distribution, a polynomial fitted on 0 ... 3.9 and held beyond. Absolute error below 1.6e-4, and below
// 6e-4 |x| for |x| < 1.
CK_INLINE lanes gelu_coarse(lanes x) {
  lanes a = smaller(magnitude(x), fill(3.9f));
  lanes q = fill(-6.841763388365507e-4f);
  q = multiply_add(q, a, fill(1.0459735058248043e-2f));
  q = multiply_add(q, a, fill(-6.031124293804169e-2f));
  q = multiply_add(q, a, fill(1.4688435196876526e-1f));
  q = multiply_add(q, a, fill(-5.1682647317647934e-2f));
  q = multiply_add(q, a, fill(-3.8549670577049255e-1f));
  q = multiply_add(q, a, fill(4.993925988674164e-1f));
  return multiply_add(-a, q, larger(x, fill(0)));
}

// x / (1 + exp(-1.702 x)); below -51 the exponential is held, and what is left of x is under 1e-35 of it.
CK_INLINE lanes quick_gelu(lanes x) {
  return x / (exponential2(smaller(x * (-1.702f * 1.44269504f), fill(126.0f))) + 1.0f);
}
