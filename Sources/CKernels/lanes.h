// Sixteen lanes, whatever the width of the machine's registers: clang splits or fuses them. Included by each path's
// file after its target attribute, so the same text becomes AVX-512, AVX2, NEON or scalar code with the same results.
#include "CKernels.h"

#pragma clang fp contract(off)
// Vectors wider than the registers may not cross a call the same way everywhere; here every call is inlined.
#pragma clang diagnostic ignored "-Wpsabi"

#define CK_INLINE static inline __attribute__((always_inline))

typedef float lanes __attribute__((ext_vector_type(16), aligned(4)));
typedef int32_t lanes_i32 __attribute__((ext_vector_type(16), aligned(4)));
typedef uint8_t lanes_u8 __attribute__((ext_vector_type(16), aligned(1)));

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
CK_INLINE float max_lanes(lanes v) { return __builtin_reduce_max(v); }

// Adding 1.5 * 2^23 leaves round-half-even(v) in the low bits for |v| < 2^22, with the same result on every machine.
static const float round_magic = 12582912.0f;
CK_INLINE lanes round_even(lanes v) { return (v + round_magic) - round_magic; }
CK_INLINE lanes_i32 round_even_i32(lanes v) {
  lanes shifted = v + round_magic;
  return (lanes_i32)shifted - 0x4B400000;
}

// exp(x) for x in [-87, 88]; what lies below becomes exp(-87), about 1.6e-38. Relative error below 2e-7.
// x = n ln 2 + r with |r| <= ln 2 / 2, the Taylor series of exp(r) to r^7, then n into the exponent.
CK_INLINE lanes exponential(lanes x) {
  x = smaller(larger(x, fill(-87.0f)), fill(88.0f));
  lanes n = round_even(x * 1.44269504f);
  lanes r = multiply_add(n, fill(-0.693359375f), x);
  r = multiply_add(n, fill(2.12194440e-4f), r);
  lanes p = fill(1.0f / 5040);
  p = multiply_add(p, r, fill(1.0f / 720));
  p = multiply_add(p, r, fill(1.0f / 120));
  p = multiply_add(p, r, fill(1.0f / 24));
  p = multiply_add(p, r, fill(1.0f / 6));
  p = multiply_add(p, r, fill(0.5f));
  p = multiply_add(p, r, fill(1.0f));
  p = multiply_add(p, r, fill(1.0f));
  lanes_i32 exponent = (round_even_i32(n) + 127) << 23;
  return p * (lanes)exponent;
}

// 0.5 x (1 + erf(x / sqrt 2)). erf(x / sqrt 2) / x is a rational function of x^2 fitted on |x| <= 5.3, where erf is
// within 1.2e-7 of 1; beyond that it is held. Absolute error of erf below 5e-7, of the whole below 1.2e-6.
CK_INLINE lanes gelu(lanes x) {
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
  lanes half = x * 0.5f;
  return multiply_add(half, z * p / q, half);
}

CK_INLINE lanes quick_gelu(lanes x) { return x / (exponential(x * -1.702f) + 1.0f); }
