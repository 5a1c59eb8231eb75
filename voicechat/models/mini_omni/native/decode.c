/* One new position through all blocks of the decoder, for one or two rows: what model.py does in some 25 small steps
   a block, without their cost, and without asking for Python's lock a thousand times a second.

   Sizes are those of ModelConfig; width, hidden and n_head * head_size are multiples of 64. */

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "products.h"

typedef struct {
  int64_t n_blocks, width, hidden, n_groups, heads_per_group, head_size;
  float norm_eps;
} Sizes;

typedef struct {
  const float *norm_1, *norm_2; /* (width,) */
  Matrix attn, proj, gate_up, down;
} Block;

typedef struct {
  float *keys, *values; /* (n_blocks, rows, n_groups, n_positions, head_size), n_positions a multiple of four */
  int64_t block_stride, row_stride, group_stride, position;
} Cache;

static void rms_norm(const float *x, const float *weight, int64_t width, float eps, float *out) {
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < width; i++) sum += x[i] * x[i];
  float scale = 1.0f / sqrtf(sum / (float)width + eps);
  for (int64_t i = 0; i < width; i++) out[i] = x[i] * scale * weight[i];
}

static void rotate(float *head, const float *cos, const float *sin, int64_t size) {
  for (int64_t i = 0; i < size / 2; i++) {
    float first = head[i], second = head[size / 2 + i];
    head[i] = first * cos[i] - second * sin[i];
    head[size / 2 + i] = second * cos[size / 2 + i] + first * sin[size / 2 + i];
  }
}

/* e^x to 2e-7 of it, in a form that the compiler vectorizes; x is clamped to where the result is a normal float. */
static inline float exponential(float x) {
  x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
  float power = rintf(x * 1.44269504f);
  float rest = fmaf(power, -0.693359375f, x);
  rest = fmaf(power, 2.12194440e-4f, rest);
  float series = fmaf(fmaf(fmaf(fmaf(fmaf(1.9875691e-4f, rest, 1.3981999e-3f), rest, 8.3334519e-3f), rest,
                                4.1665795e-2f), rest, 1.6666665e-1f), rest, 5.0000001e-1f);
  series = fmaf(series, rest * rest, rest) + 1.0f;
  int32_t bits = ((int32_t)power + 127) << 23;
  float scale;
  memcpy(&scale, &bits, sizeof scale);
  return series * scale;
}

/* The products of a query with four keys, and the sum of four values: four at a time keep the processor busy. */

enum { FOUR = 4 };

static void dot_four(const float *query, const float *keys, int64_t size, float scale, float *out) {
  const float *k1 = keys + size, *k2 = k1 + size, *k3 = k2 + size;
  float s0 = 0.0f, s1 = 0.0f, s2 = 0.0f, s3 = 0.0f;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
  for (int64_t i = 0; i < size; i++) {
    s0 += query[i] * keys[i];
    s1 += query[i] * k1[i];
    s2 += query[i] * k2[i];
    s3 += query[i] * k3[i];
  }
  out[0] = s0 * scale, out[1] = s1 * scale, out[2] = s2 * scale, out[3] = s3 * scale;
}

static void add_four(const float *weights, const float *values, int64_t size, float *restrict sum) {
  const float *v1 = values + size, *v2 = v1 + size, *v3 = v2 + size;
  float w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
  for (int64_t i = 0; i < size; i++) sum[i] += (w0 * values[i] + w1 * v1[i]) + (w2 * v2[i] + w3 * v3[i]);
}

typedef struct {
  const float *gate_up; /* (rows, 2 * hidden) */
  float *out;           /* (rows, hidden) */
  int64_t hidden;
} Gating;

static void gate_row(const void *job, int64_t row) {
  const Gating *g = job;
  const float *gate = g->gate_up + row * 2 * g->hidden, *up = gate + g->hidden;
  float *out = g->out + row * g->hidden;
  for (int64_t i = 0; i < g->hidden; i++) out[i] = gate[i] / (1.0f + exponential(-gate[i])) * up[i];
}

/* silu(gate) * up. */
void gate(const float *gate_up, int64_t n_rows, int64_t hidden, float *out) {
  Gating job = {gate_up, out, hidden};
  run(gate_row, &job, n_rows);
}

typedef struct {
  const Sizes *sizes;
  const Cache *cache;
  const float *cos, *sin; /* (head_size,), of this position */
  int64_t block;
  float *qkv; /* (rows, n_groups, heads_per_group + 2, head_size): the queries, the key and the value of each group */
  float *scores; /* (rows, n_groups, n_padded): for the positions so far, up to a multiple of four */
  int64_t n_padded;
  float *mixed; /* (rows, n_groups, heads_per_group, head_size) */
} Attention;

/* One group of one row: rotate, remember the key and the value, and mix the values for each of the queries. */
static void attend(const void *job, int64_t piece) {
  const Attention *a = job;
  const Sizes *sizes = a->sizes;
  const Cache *cache = a->cache;
  int64_t size = sizes->head_size, n_heads = sizes->heads_per_group, n = cache->position + 1;
  int64_t row = piece / sizes->n_groups, group = piece % sizes->n_groups;
  int64_t offset = a->block * cache->block_stride + row * cache->row_stride + group * cache->group_stride;
  float *keys = cache->keys + offset, *values = cache->values + offset;
  float *heads = a->qkv + piece * (n_heads + 2) * size, *scores = a->scores + piece * a->n_padded;
  for (int64_t head = 0; head <= n_heads; head++) rotate(heads + head * size, a->cos, a->sin, size);
  memcpy(keys + cache->position * size, heads + n_heads * size, (size_t)size * sizeof(float));
  memcpy(values + cache->position * size, heads + (n_heads + 1) * size, (size_t)size * sizeof(float));
  float scale = 1.0f / sqrtf((float)size);
  for (int64_t head = 0; head < n_heads; head++) {
    float *mixed = a->mixed + (piece * n_heads + head) * size, largest = -INFINITY, sum = 0.0f;
    for (int64_t j = 0; j < n; j += FOUR) dot_four(heads + head * size, keys + j * size, size, scale, scores + j);
    for (int64_t j = 0; j < n; j++) largest = scores[j] > largest ? scores[j] : largest;
    for (int64_t j = 0; j < n; j++) scores[j] = exponential(scores[j] - largest);
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++) sum += scores[j];
    for (int64_t j = n; j < a->n_padded; j++) scores[j] = 0.0f;
    memset(mixed, 0, (size_t)size * sizeof(float));
    for (int64_t j = 0; j < n; j += FOUR) add_four(scores + j, values + j * size, size, mixed);
    for (int64_t i = 0; i < size; i++) mixed[i] /= sum;
  }
}

/* x float (rows, width): the embedded position in, the normed last hidden state out; cos and sin (head_size,) are its
   angles. The keys and values of the position are written to the cache. Give 0, or -1 if there is no memory. */
int decode(const Sizes *sizes, const Block *blocks, const float *last_norm, const Cache *cache, const float *cos,
           const float *sin, int64_t n_rows, float *x) {
  int64_t width = sizes->width, hidden = sizes->hidden;
  int64_t n_mixed = sizes->n_groups * sizes->heads_per_group * sizes->head_size;
  int64_t n_qkv = sizes->n_groups * (sizes->heads_per_group + 2) * sizes->head_size;
  int64_t n_padded = (cache->position + FOUR) / FOUR * FOUR, n_scores = sizes->n_groups * n_padded;
  size_t n_floats = (size_t)(n_rows * (width + n_qkv + n_mixed + n_scores + 3 * hidden));
  float *normed = malloc(n_floats * sizeof *normed);
  if (normed == NULL) return -1;
  float *qkv = normed + n_rows * width, *mixed = qkv + n_rows * n_qkv, *scores = mixed + n_rows * n_mixed;
  float *gate_up = scores + n_rows * n_scores, *gated = gate_up + n_rows * 2 * hidden;
  int failed = 0;
  for (int64_t b = 0; b < sizes->n_blocks; b++) {
    const Block *block = blocks + b;
    Attention attention = {sizes, cache, cos, sin, b, qkv, scores, n_padded, mixed};
    for (int64_t row = 0; row < n_rows; row++)
      rms_norm(x + row * width, block->norm_1, width, sizes->norm_eps, normed + row * width);
    failed |= linear_int8(&block->attn, normed, n_rows, qkv);
    run(attend, &attention, n_rows * sizes->n_groups);
    failed |= linear_int8(&block->proj, mixed, n_rows, normed);
    for (int64_t i = 0; i < n_rows * width; i++) x[i] += normed[i];
    for (int64_t row = 0; row < n_rows; row++)
      rms_norm(x + row * width, block->norm_2, width, sizes->norm_eps, normed + row * width);
    failed |= linear_int8(&block->gate_up, normed, n_rows, gate_up);
    Gating gating = {gate_up, gated, hidden};
    for (int64_t row = 0; row < n_rows; row++) gate_row(&gating, row);
    failed |= linear_int8(&block->down, gated, n_rows, normed);
    for (int64_t i = 0; i < n_rows * width; i++) x[i] += normed[i];
  }
  for (int64_t row = 0; row < n_rows; row++)
    rms_norm(x + row * width, last_norm, width, sizes->norm_eps, x + row * width);
  free(normed);
  return failed;
}
