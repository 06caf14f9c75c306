// The kernels of the int8 path, once per instruction set.
//
// Every instruction set computes the same bits, integer and float: sixteen lanes everywhere, one order of
// reduction, fused multiply-adds written out, no contraction left to the compiler. `docs/numerics.md` says why.
#ifndef ASSAYD_CKERNELS_H
#define ASSAYD_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

/// Lanes of every float kernel and channels of a weight panel.
enum { CK_LANES = 16 };

/// Fraction bits of resampling weights, as in Pillow: 8 bits of 32 are the pixel's, 2 are room for sums outside 0 ... 255.
enum { CK_RESAMPLING_BITS = 22 };

/// What is done with a finished sum before it is stored.
typedef enum {
  CK_STORE = 0,       ///< out = v
  CK_ADD = 1,         ///< out += v: a residual branch
  CK_GELU = 2,        ///< out = 0.5 v (1 + erf(v / sqrt 2))
  CK_QUICK_GELU = 3,  ///< out = v / (1 + exp(-1.702 v))
} ck_epilogue;

/// Activations as the int8 kernels read them: `rows` x `depth` bytes, one scale a row.
typedef struct {
  const uint8_t *values;  ///< value + activation_offset of the kernels that wrote it
  size_t stride;          ///< bytes from row to row
  const float *scales;    ///< rows
} ck_activations;

/// Weights as the int8 kernels read them: panels of 16 output channels, groups of 4 inputs.
/// `values[((panel * depth / 4) + group) * 64 + channel * 4 + input]`.
typedef struct {
  const int8_t *values;
  const float *scales;  ///< columns
  const int32_t *sums;  ///< columns: the sum of each output channel's weights
  size_t depth;         ///< inputs, a multiple of 4
  size_t columns;       ///< output channels, a multiple of 16
} ck_weights;

/// Where a product goes.
typedef struct {
  float *values;
  size_t stride;      ///< floats from row to row
  const float *bias;  ///< columns
  ck_epilogue epilogue;
} ck_output;

/// The keys and values of one attention head, quantised a token at a time.
typedef struct {
  size_t tokens;
  size_t width;  ///< channels, a multiple of 16
  /// Panels of 16 tokens, groups of 4 channels: as ck_weights with tokens for columns.
  const int8_t *keys;
  const float *key_scales;   ///< tokens up to a multiple of 16; those past the end are 0
  const int32_t *key_sums;   ///< the same: sum of each token's key
  /// Panels of 16 channels, groups of 4 tokens, tokens up to a multiple of 16: as ck_weights with tokens for inputs.
  const int8_t *values;
  const float *value_scales;  ///< as key_scales
  /// What a query's product with a key is multiplied with before the softmax.
  float score_scale;
} ck_head;

/// Bytes of scratch that `attend` needs.
static inline size_t ck_attention_scratch(size_t tokens, size_t width) {
  size_t padded = (tokens + CK_LANES - 1) / CK_LANES * CK_LANES;
  return padded * (12 * (sizeof(float) + 1) + sizeof(float)) + width * sizeof(int32_t);
}

/// One head of causal attention over a forest of rows: row r attends to paths[starts[r]] ... paths[starts[r + 1] - 1],
/// which are the rows before it in its sequence and itself. Rows lie `stride` floats apart.
typedef struct {
  const float *queries, *keys, *values;
  size_t stride;
  size_t width;  ///< channels of the head, a multiple of 16
  const int32_t *paths, *starts;
  /// What a query's product with a key is multiplied with before the softmax.
  float score_scale;
} ck_paths;

/// Where the gradients of a head's queries, keys and values are added up, laid out as in ck_paths.
typedef struct {
  float *queries, *keys, *values;
  size_t stride;
} ck_paths_gradient;

/// Floats of scratch that `attend_paths` and `attend_paths_gradient` need for paths of at most `length` rows.
static inline size_t ck_paths_scratch(size_t length) { return 2 * ((length + CK_LANES - 1) / CK_LANES * CK_LANES); }

typedef struct {
  const char *name;
  /// What is added to a signed activation before it is stored: 128 where the instruction wants unsigned bytes.
  int32_t activation_offset;

  /// Rows of floats to int8, round(x * 127 / absmax), half to even, with scale absmax / 127 a row.
  /// `columns` is a multiple of 16.
  void (*quantise)(const float *input, size_t input_stride, size_t rows, size_t columns, uint8_t *output,
                   size_t output_stride, float *scales);

  /// Rows of `quantise` to panels as ck_head's keys, `rows` tokens from token `first` on, with their sums. `columns` is
  /// a multiple of 16.
  void (*pack_keys)(const uint8_t *rows_of_bytes, size_t rows, size_t columns, size_t first, int8_t *keys,
                    int32_t *sums);
  /// Rows of `quantise` to panels as ck_head's values; `tokens` as in ck_head, `first` is a multiple of 4.
  void (*pack_values)(const uint8_t *rows_of_bytes, size_t rows, size_t columns, size_t first, size_t tokens,
                      int8_t *values);

  /// (x - mean) / sqrt(variance + epsilon) * gain + bias a row, biased variance. `columns` is a multiple of 16.
  void (*layer_norm)(const float *input, size_t input_stride, size_t rows, size_t columns, const float *gain,
                     const float *bias, float epsilon, float *output, size_t output_stride);

  /// out[r][c] = epilogue(sum_k a[r][k] b[c][k] * (a_scale[r] * b_scale[c]) + bias[c]); the sum is exact in int32.
  void (*multiply_int8)(ck_activations a, size_t rows, ck_weights b, ck_output out);

  /// out[r][c] = sum_k a[r][k] b[k][c] + bias[c] in float32, k ascending, one fused multiply-add each, starting
  /// from the bias (0 where it is NULL). `b` holds panels of 16 columns: b[(panel * depth + k) * 16 + lane].
  void (*multiply_float)(const float *a, size_t a_stride, size_t rows, const float *b, size_t depth, size_t columns,
                         const float *bias, float *out, size_t out_stride);

  /// softmax(queries . keys) . values for `rows` queries of one head; `out` has `out_stride` floats from row to row.
  /// `scratch` has room for ck_attention_scratch(tokens, head.width) bytes, aligned to 64.
  void (*attend)(ck_activations queries, size_t rows, ck_head head, void *scratch, float *out, size_t out_stride);

  /// Keeps, for each row and lane, the largest a[r] . b[c] * b_scale[c] over the columns c of that lane, and c itself
  /// counted from `first_column`; a later equal value does not replace an earlier one.
  /// `best` and `best_column` hold rows x 16 numbers and are carried from call to call.
  void (*maximise_int8)(ck_activations a, size_t rows, ck_weights b, int32_t first_column, float *best,
                        int32_t *best_column);

  // Float32 transformer blocks and their gradients; `columns` is a multiple of 16 everywhere.

  /// output = function(input), which is CK_GELU or CK_QUICK_GELU.
  void (*activate)(const float *input, size_t input_stride, size_t rows, size_t columns, ck_epilogue function,
                   float *output, size_t output_stride);
  /// gradient *= function'(input).
  void (*activate_gradient)(const float *input, size_t input_stride, size_t rows, size_t columns,
                            ck_epilogue function, float *gradient, size_t gradient_stride);
  /// Adds to `gradient` what `upstream`, the gradient at `layer_norm`'s output, is at its input.
  void (*layer_norm_gradient)(const float *input, size_t input_stride, size_t rows, size_t columns, const float *gain,
                              float epsilon, const float *upstream, size_t upstream_stride, float *gradient,
                              size_t gradient_stride);
  /// out[r] = softmax(score_scale * queries[r] . keys[path]) . values[path] for `rows` rows from `first` on.
  void (*attend_paths)(ck_paths head, size_t first, size_t rows, float *scratch, float *out, size_t out_stride);
  /// Adds to `gradient` what `upstream`, the gradient at `attend_paths`' output, is at queries, keys and values.
  void (*attend_paths_gradient)(ck_paths head, size_t first, size_t rows, const float *upstream,
                                size_t upstream_stride, float *scratch, ck_paths_gradient gradient);

  // Pictures of RGB bytes and maps.

  /// One row of pixels at another width: output pixel i is the sum over t < taps of weights[i * taps + t] times the
  /// pixel starts[i] + t, in fixed point of CK_RESAMPLING_BITS bits, rounded to nearest and kept within 0 ... 255. `taps`
  /// is a multiple of 4, and 4 bytes behind the last pixel named are read.
  void (*resample_row)(const uint8_t *row, const int32_t *starts, const int32_t *weights, size_t taps, size_t count,
                       uint8_t *output);
  /// The same from row to row: one output row of `count` bytes from `taps` rows that lie `stride` bytes apart.
  void (*resample_column)(const uint8_t *rows, size_t stride, const int32_t *weights, size_t taps, size_t count,
                          uint8_t *output);
  /// output[x] = sum of weights[|d|] * rows[radius + d][x] for d = -radius ... radius in double: the centre, then pairs
  /// from the outermost inwards.
  void (*smooth)(const float *const *rows, const double *weights, size_t radius, size_t count, float *output);

  /// Runs the multiply-add of `multiply_int8` on registers alone, 12 times a round, and returns how many products were
  /// summed: what the processor could do if nothing else were to be done. NULL where the compiler chooses the
  /// instruction.
  uint64_t (*peak)(uint64_t rounds);
} ck_kernels;

/// The kernels for `path` in the order of `ck_path_name`, or NULL where this processor cannot run them.
const ck_kernels *ck_kernels_for(int path);
/// The name of a path, fastest first; NULL past the last one this build has.
const char *ck_path_name(int path);

#endif
