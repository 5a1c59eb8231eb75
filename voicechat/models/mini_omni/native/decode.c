/* New positions through all blocks of the decoder, one for each of some replies or many of one prompt: what model.py does
   in some 25 small steps a block, without their cost, and without asking for Python's lock a thousand times a second.

   Sizes are those of ModelConfig; width, hidden and n_head * head_size are multiples of 64. */

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "elementary.h"
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
  int64_t block_stride, row_stride, group_stride, position; /* how many positions are filled */
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

/* The products of a query with four keys, and the sum of four values: four at a time keep the processor busy. */

enum { FOUR = 4, MANY = 8 }; /* more rows than that are shared among the threads */

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
  if (n_rows > MANY) {
    run(gate_row, &job, n_rows);
  } else {
    for (int64_t row = 0; row < n_rows; row++) gate_row(&job, row);
  }
}

typedef struct {
  const Sizes *sizes;
  const Cache *cache;
  const float *cos, *sin; /* (n_positions, head_size), from the first new position on */
  int64_t block, n_positions, n_padded;
  float *qkv;    /* (rows, n_groups, heads_per_group + 2, head_size): the queries, the key and the value of each group */
  float *scores; /* (rows, n_groups, n_padded): for the positions so far, up to a multiple of four */
  float *mixed;  /* (rows, n_groups, heads_per_group, head_size) */
} Attention;

/* Where a new row belongs: many positions are all of one row of the cache, in their order. */
typedef struct {
  int64_t position;
  float *keys, *values, *heads;
  const float *cos, *sin;
} Place;

static Place place_of(const Attention *a, int64_t piece) {
  int64_t size = a->sizes->head_size, row = piece / a->sizes->n_groups, group = piece % a->sizes->n_groups;
  int64_t index = a->n_positions > 1 ? row : 0, cache_row = a->n_positions > 1 ? 0 : row;
  int64_t offset =
    a->block * a->cache->block_stride + cache_row * a->cache->row_stride + group * a->cache->group_stride;
  float *heads = a->qkv + piece * (a->sizes->heads_per_group + 2) * size;
  return (Place){a->cache->position + index, a->cache->keys + offset, a->cache->values + offset, heads,
                 a->cos + index * size, a->sin + index * size};
}

/* One group of one row: rotate, and remember the key and the value. */
static void remember(const void *job, int64_t piece) {
  const Attention *a = job;
  Place at = place_of(a, piece);
  int64_t size = a->sizes->head_size, n_heads = a->sizes->heads_per_group;
  for (int64_t head = 0; head <= n_heads; head++) rotate(at.heads + head * size, at.cos, at.sin, size);
  memcpy(at.keys + at.position * size, at.heads + n_heads * size, (size_t)size * sizeof(float));
  memcpy(at.values + at.position * size, at.heads + (n_heads + 1) * size, (size_t)size * sizeof(float));
}

/* Mix the values so far for each of the group's queries. */
static void attend(const void *job, int64_t piece) {
  const Attention *a = job;
  Place at = place_of(a, piece);
  int64_t size = a->sizes->head_size, n_heads = a->sizes->heads_per_group, n = at.position + 1;
  int64_t n_padded = (n + FOUR - 1) / FOUR * FOUR;
  float *scores = a->scores + piece * a->n_padded, scale = 1.0f / sqrtf((float)size);
  for (int64_t head = 0; head < n_heads; head++) {
    float *mixed = a->mixed + (piece * n_heads + head) * size, largest = -INFINITY, sum = 0.0f;
    for (int64_t j = 0; j < n; j += FOUR)
      dot_four(at.heads + head * size, at.keys + j * size, size, scale, scores + j);
    for (int64_t j = 0; j < n; j++) largest = scores[j] > largest ? scores[j] : largest;
    for (int64_t j = 0; j < n; j++) scores[j] = exponential(scores[j] - largest);
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++) sum += scores[j];
    for (int64_t j = n; j < n_padded; j++) scores[j] = 0.0f;
    memset(mixed, 0, (size_t)size * sizeof(float));
    for (int64_t j = 0; j < n; j += FOUR) add_four(scores + j, at.values + j * size, size, mixed);
    for (int64_t i = 0; i < size; i++) mixed[i] /= sum;
  }
}

static void remember_and_attend(const void *job, int64_t piece) {
  remember(job, piece);
  attend(job, piece);
}

typedef struct {
  float *x;         /* (rows, width) */
  const float *add; /* likewise, or NULL */
  const float *norm;
  float *normed;
  int64_t width;
  float eps;
} Adding;

static void add_row(const void *job, int64_t row) {
  const Adding *a = job;
  float *x = a->x + row * a->width;
  const float *add = a->add ? a->add + row * a->width : NULL;
  if (add != NULL)
    for (int64_t i = 0; i < a->width; i++) x[i] += add[i];
  rms_norm(x, a->norm, a->width, a->eps, a->normed + row * a->width);
}

/* x += add, and its norm; what is added may be where the norm goes. */
static void add_and_norm(const Sizes *sizes, int64_t n_rows, float *x, const float *add, const float *norm,
                         float *normed) {
  Adding job = {x, add, norm, normed, sizes->width, sizes->norm_eps};
  if (n_rows > MANY) {
    run(add_row, &job, n_rows);
  } else {
    for (int64_t row = 0; row < n_rows; row++) add_row(&job, row);
  }
}

/* x float (n_rows, width): the embedded positions in, in their last rows the normed last hidden states out; cos and sin
   (n_positions, head_size) are their angles. Either n_positions is 1, and each row is another reply's, or they are the
   rows of one, and only the last one's state is given. Keys and values are written to the cache. Give 0, or -1 if
   there is no memory. */
int decode(const Sizes *sizes, const Block *blocks, const float *last_norm, const Cache *cache, const float *cos,
           const float *sin, int64_t n_rows, int64_t n_positions, float *x) {
  int64_t width = sizes->width, hidden = sizes->hidden, n_groups = sizes->n_groups;
  int64_t n_mixed = n_groups * sizes->heads_per_group * sizes->head_size;
  int64_t n_qkv = n_groups * (sizes->heads_per_group + 2) * sizes->head_size;
  int64_t n_padded = (cache->position + n_positions + FOUR - 1) / FOUR * FOUR;
  size_t n_floats = (size_t)(n_rows * (width + n_qkv + n_mixed + n_groups * n_padded + 3 * hidden));
  float *normed = malloc(n_floats * sizeof *normed);
  if (normed == NULL) return -1;
  float *qkv = normed + n_rows * width, *mixed = qkv + n_rows * n_qkv, *scores = mixed + n_rows * n_mixed;
  float *gate_up = scores + n_rows * n_groups * n_padded, *gated = gate_up + n_rows * 2 * hidden;
  int failed = 0;
  add_and_norm(sizes, n_rows, x, NULL, blocks->norm_1, normed);
  for (int64_t b = 0; b < sizes->n_blocks; b++) {
    const Block *block = blocks + b;
    Attention attention = {sizes, cache, cos, sin, b, n_positions, n_padded, qkv, scores, mixed};
    failed |= linear_int8(&block->attn, normed, n_rows, qkv);
    if (n_positions > 1) { /* a query sees the keys of all that came before */
      run(remember, &attention, n_rows * n_groups);
      run(attend, &attention, n_rows * n_groups);
    } else {
      run(remember_and_attend, &attention, n_rows * n_groups);
    }
    if (n_positions > 1 && b == sizes->n_blocks - 1) { /* of the others there were only keys and values to make */
      mixed += (n_rows - 1) * n_mixed;
      x += (n_rows - 1) * width;
      n_rows = 1;
    }
    failed |= linear_int8(&block->proj, mixed, n_rows, normed);
    add_and_norm(sizes, n_rows, x, normed, block->norm_2, normed);
    failed |= linear_int8(&block->gate_up, normed, n_rows, gate_up);
    gate(gate_up, n_rows, hidden, gated);
    failed |= linear_int8(&block->down, gated, n_rows, normed);
    int last = b == sizes->n_blocks - 1;
    add_and_norm(sizes, n_rows, x, normed, last ? last_norm : block[1].norm_1, last ? x : normed);
  }
  free(normed);
  return failed;
}
