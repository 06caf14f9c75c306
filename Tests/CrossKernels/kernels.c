// The kernels of this machine's processor over a fixed set of inputs, as one line of hashes a path: every path on every
// processor must print the same hashes. A test builds it for arm64 too and runs it under qemu-user.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"

static uint32_t state;
static uint32_t next(void) { return state = state * 1664525u + 1013904223u; }
static float next_float(void) { return (float)((int32_t)next() >> 8) / 8388608.0f; }

static uint64_t hash(uint64_t h, const void *data, size_t size) {
  const uint8_t *bytes = data;
  for (size_t i = 0; i < size; i++) h = (h ^ bytes[i]) * 1099511628211u;
  return h;
}

enum { MAX = 40 * 512 };
static float input[MAX], output[MAX], gain[512], bias[512], scales[512], best[40 * 16];
static uint8_t activations[MAX];
static int8_t weights[512 * 512];
static int32_t sums[512], best_column[40 * 16];

enum kind { RANDOM, LARGEST, SMALLEST, SPARSE, DENORMAL, KINDS };

static uint64_t run(const ck_kernels *kernels) {
  static const size_t shapes[][3] = {{1, 16, 16}, {5, 32, 48}, {12, 64, 32}, {13, 128, 80}, {31, 384, 112}, {40, 512, 16}};
  uint64_t h = 14695981039346656037u;
  for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
    for (int kind = 0; kind < KINDS; kind++) {
      size_t rows = shapes[s][0], depth = shapes[s][1], columns = shapes[s][2];
      state = (uint32_t)(s * KINDS + (size_t)kind + 1);
      for (size_t i = 0; i < rows * depth; i++) {
        float v = next_float();
        input[i] = kind == LARGEST ? 3e30f : kind == SMALLEST ? -1.0f : kind == DENORMAL ? v * 1e-39f
                   : kind == SPARSE && i / depth % 2 ? 0.0f : v * 4;
      }
      for (size_t i = 0; i < depth * columns; i++) {
        int8_t w = (int8_t)(next() >> 24);
        weights[i] = kind == LARGEST ? 127 : kind == SMALLEST ? -128 : w;
      }
      memset(sums, 0, sizeof(sums));
      for (size_t i = 0; i < depth * columns; i++) sums[i / (depth * 16) * 16 + i % 64 / 4] += weights[i];
      for (size_t i = 0; i < 512; i++) gain[i] = next_float(), bias[i] = next_float();

      kernels->quantise(input, depth, rows, depth, activations, depth, scales);
      for (size_t i = 0; i < rows * depth; i++) {
        int8_t v = (int8_t)(activations[i] - kernels->activation_offset);
        h = hash(h, &v, 1);
      }
      h = hash(h, scales, rows * sizeof(float));
      ck_activations a = {activations, depth, scales};
      ck_weights b = {weights, gain, sums, depth, columns};
      for (int epilogue = CK_STORE; epilogue <= CK_QUICK_GELU; epilogue++) {
        for (size_t i = 0; i < rows * columns; i++) output[i] = (float)i;
        kernels->multiply_int8(a, rows, b, (ck_output){output, columns, bias, (ck_epilogue)epilogue});
        h = hash(h, output, rows * columns * sizeof(float));
      }
      for (size_t i = 0; i < rows * 16; i++) best[i] = -1e38f, best_column[i] = -1;
      kernels->maximise_int8(a, rows, b, 7, best, best_column);
      h = hash(hash(h, best, rows * 16 * sizeof(float)), best_column, rows * 16 * sizeof(int32_t));
      if (kind == LARGEST) continue;  // the variance would overflow to infinity
      kernels->layer_norm(input, depth, rows, depth, gain, bias, 1e-6f, output, depth);
      h = hash(h, output, rows * depth * sizeof(float));
      static float packed[512 * 512];
      for (size_t i = 0; i < depth * columns; i++) packed[i] = next_float();
      kernels->multiply_float(input, depth, rows, packed, depth, columns, bias, output, columns);
      h = hash(h, output, rows * columns * sizeof(float));

      // One head of attention: the inputs as keys and values and, turned around, as queries.
      enum { WIDTH = 16 };
      static int8_t keys[48 * WIDTH], values[48 * WIDTH];
      static uint8_t rows_of_bytes[40 * WIDTH], queries[40 * WIDTH];
      static float key_scales[48], query_scales[40];
      static int32_t key_sums[48];
      static uint8_t scratch[12 * 48 * 6 + WIDTH * 4] __attribute__((aligned(64)));
      memset(key_scales, 0, sizeof(key_scales));
      kernels->quantise(input, WIDTH, rows, WIDTH, rows_of_bytes, WIDTH, key_scales);
      for (size_t i = 0; i < rows * WIDTH; i++) output[i] = input[rows * WIDTH - 1 - i];
      kernels->quantise(output, WIDTH, rows, WIDTH, queries, WIDTH, query_scales);
      kernels->pack_keys(rows_of_bytes, rows, WIDTH, 0, keys, key_sums);
      kernels->pack_values(rows_of_bytes, rows, WIDTH, 0, rows, values);
      ck_head head = {rows, WIDTH, keys, key_scales, key_sums, values, key_scales, 0.25f};
      kernels->attend((ck_activations){queries, WIDTH, query_scales}, rows, head, scratch, output, WIDTH);
      h = hash(h, output, rows * WIDTH * sizeof(float));

      // Activations and the gradients of float blocks.
      static float gradient[MAX];
      for (int function = CK_GELU; function <= CK_QUICK_GELU; function++) {
        kernels->activate(input, depth, rows, depth, (ck_epilogue)function, output, depth);
        h = hash(h, output, rows * depth * sizeof(float));
        for (size_t i = 0; i < rows * depth; i++) gradient[i] = next_float();
        kernels->activate_gradient(input, depth, rows, depth, (ck_epilogue)function, gradient, depth);
        h = hash(h, gradient, rows * depth * sizeof(float));
      }
      for (size_t i = 0; i < rows * depth; i++) output[i] = next_float();
      kernels->layer_norm_gradient(input, depth, rows, depth, gain, 1e-5f, output, depth, gradient, depth);
      h = hash(h, gradient, rows * depth * sizeof(float));

      // Every row attends to itself and to the rows that its number halved leads to.
      static float qkv[40 * 3 * WIDTH], path_scratch[2 * 48];
      static int32_t paths[40 * 8], starts[41];
      int32_t length = 0;
      for (size_t r = 0; r < rows; r++) {
        starts[r] = length;
        for (size_t at = r; ; at /= 2) {
          paths[length++] = (int32_t)at;
          if (at == 0) break;
        }
      }
      starts[rows] = length;
      for (size_t i = 0; i < rows * 3 * WIDTH; i++) qkv[i] = kind == SMALLEST ? 1 : kind == SPARSE ? 0 : next_float() * 3;
      ck_paths tree = {qkv, qkv + WIDTH, qkv + 2 * WIDTH, 3 * WIDTH, WIDTH, paths, starts, 0.25f};
      kernels->attend_paths(tree, 0, rows, path_scratch, output, WIDTH);
      h = hash(h, output, rows * WIDTH * sizeof(float));
      memset(gradient, 0, rows * 3 * WIDTH * sizeof(float));
      kernels->attend_paths_gradient(
          tree, 0, rows, gain, 0, path_scratch,
          (ck_paths_gradient){gradient, gradient + WIDTH, gradient + 2 * WIDTH, 3 * WIDTH});
      h = hash(h, gradient, rows * 3 * WIDTH * sizeof(float));
    }

  // Pictures: bytes with weights of both signs, rows of floats.
  enum { PIXELS = 61, TAPS = 8, RADIUS = 3 };
  static uint8_t pixels[TAPS * PIXELS * 3 + 4], resampled[PIXELS * 3];
  int32_t starts[PIXELS - TAPS], taps[(PIXELS - TAPS) * TAPS];
  for (size_t i = 0; i < sizeof(pixels); i++) pixels[i] = (uint8_t)(next() >> 24);
  for (int32_t i = 0; i < PIXELS - TAPS; i++) starts[i] = i;
  for (size_t i = 0; i < sizeof(taps) / sizeof(taps[0]); i++) taps[i] = (int32_t)next() >> 10;
  kernels->resample_row(pixels, starts, taps, TAPS, PIXELS - TAPS, resampled);
  h = hash(h, resampled, (PIXELS - TAPS) * 3);
  kernels->resample_column(pixels, PIXELS * 3, taps, TAPS, PIXELS * 3, resampled);
  h = hash(h, resampled, PIXELS * 3);
  const float *rows_of_floats[2 * RADIUS + 1];
  double distances[RADIUS + 1];
  for (size_t i = 0; i < MAX; i++) input[i] = next_float();
  for (size_t i = 0; i <= 2 * RADIUS; i++) rows_of_floats[i] = input + i * 100;
  for (size_t i = 0; i <= RADIUS; i++) distances[i] = next_float();
  kernels->smooth(rows_of_floats, distances, RADIUS, 93, output);
  return hash(h, output, 93 * sizeof(float));
}

int main(void) {
  for (int path = 0; ck_path_name(path); path++) {
    const ck_kernels *kernels = ck_kernels_for(path);
    if (kernels) printf("%-14s %016llx\n", kernels->name, (unsigned long long)run(kernels));
  }
  return 0;
}
