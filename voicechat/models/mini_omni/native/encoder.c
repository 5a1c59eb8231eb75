/* Whisper's encoder in float32 on AMX, which knows only shorter numbers.

   Each float is the sum of two bfloat16, to 2^-17 of it: x = hi + lo. A product is then three: hi hi + lo hi + hi lo,
   summed in float32; what is left out is smaller than 2^-17 of it. That is less than what the order of summing makes
   over a row, and five times as fast as the float32 units.

   Activations lie as rows in two planes, hi and lo; weights are packed for tiles by split.py. Whatever is called rows of
   planes may be read up to a multiple of 32 rows. All is done in the threads of pool.c. */

#include "amx.h"
#include "elementary.h"
#include "pool.h"

enum {
  BLOCK = 32,              /* of rows and columns: two tiles by two */
  STEP = 32,               /* of the products' inner length, in one tile */
  PANEL = STEP * 16,       /* elements of a packed tile */
  M_ROWS = 128,            /* of a piece of work */
  N_COLUMNS = 256,         /* of it */
  K_CHUNK = 768,           /* of the inner length at once: what a piece reads then stays in L2 */
  MAX_POSITIONS = 1504,    /* a multiple of BLOCK */
  MAX_HEAD = 128
};

typedef struct {
  const uint16_t *hi, *lo; /* [n / 16][k / 32][16][16][2]: tiles of 16 columns, pairs of their elements */
  const float *bias;       /* (n,), or NULL */
  int64_t n, k;            /* multiples of BLOCK and STEP */
} Packed;

typedef struct {
  const float *weight, *bias; /* (width,) */
} Norm;

typedef struct {
  Norm norm_1, norm_2;
  Packed qkv, out, up, down;
} EncoderLayer;

typedef struct {
  int64_t width, n_heads, hidden; /* width / n_heads, width and hidden are multiples of BLOCK */
  float norm_eps;
} EncoderSizes;

static int64_t rounded_up(int64_t n) { return (n + BLOCK - 1) / BLOCK * BLOCK; }

/* Bytes of memory, at a multiple of 64, that encoder_front and encoder_layer need for n positions. */
int64_t encoder_workspace(const EncoderSizes *sizes, int64_t n) {
  int64_t layer = rounded_up(n) * (sizes->width + (5 * sizes->width > sizes->hidden ? 5 * sizes->width : sizes->hidden));
  int64_t front = (2 * rounded_up(n) + 2 * BLOCK) * (sizes->width + STEP * 4);
  return 2 * (int64_t)sizeof(uint16_t) * (layer > front ? layer : front) + 4096;
}

#ifdef HAS_AMX
#include <string.h>

typedef struct {
  uint16_t *hi, *lo;
  int64_t stride; /* elements between rows */
} Planes;

static Planes planes_at(uint16_t **memory, int64_t n_rows, int64_t stride) {
  Planes planes = {*memory, *memory + n_rows * stride, stride};
  *memory += 2 * n_rows * stride;
  return planes;
}

static Planes part_of(Planes planes, int64_t row, int64_t column) {
  int64_t offset = row * planes.stride + column;
  return (Planes){planes.hi + offset, planes.lo + offset, planes.stride};
}

static inline void split_16(__m512 x, uint16_t *hi, uint16_t *lo) {
  __m256i high = (__m256i)_mm512_cvtneps_pbh(x);
  __m512 rest = _mm512_sub_ps(x, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16)));
  _mm256_storeu_si256((__m256i *)hi, high);
  _mm256_storeu_si256((__m256i *)lo, (__m256i)_mm512_cvtneps_pbh(rest));
}

/* n is a multiple of 16. */
static void split(const float *x, int64_t n, uint16_t *hi, uint16_t *lo) {
  for (int64_t i = 0; i < n; i += 16) split_16(_mm512_loadu_ps(x + i), hi + i, lo + i);
}

/* exponential of 16, none above 0; less than e^-66 is nothing. */
static inline __m512 exponential_16(__m512 x) {
  __mmask16 counts = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-66.0f), _CMP_GE_OQ);
  __m512 power = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
  __m512 rest = _mm512_fmadd_ps(power, _mm512_set1_ps(-0.693359375f), x);
  rest = _mm512_fmadd_ps(power, _mm512_set1_ps(2.12194440e-4f), rest);
  __m512 series = _mm512_set1_ps(1.9875691e-4f);
  const float terms[] = {1.3981999e-3f, 8.3334519e-3f, 4.1665795e-2f, 1.6666665e-1f, 5.0000001e-1f, 1.0f, 1.0f};
  for (int i = 0; i < 7; i++) series = _mm512_fmadd_ps(series, rest, _mm512_set1_ps(terms[i]));
  return _mm512_maskz_scalef_ps(counts, series, power);
}

/* c (32, 32) = a (32, 32 n_steps) times b, the latter's tiles of 16 columns `panel` elements apart; added to what is
   there or not. The sums are taken in turns: one follows itself only when it is done. */
static void block(Planes a, const uint16_t *b_hi, const uint16_t *b_lo, int64_t panel, int64_t n_steps, float *c,
                  int64_t c_stride, int add) {
  int64_t rows = a.stride * 2, c_rows = c_stride * 4, below = a.stride * 16;
  if (add) {
    _tile_loadd(0, c, c_rows);
    _tile_loadd(1, c + 16, c_rows);
    _tile_loadd(2, c + 16 * c_stride, c_rows);
    _tile_loadd(3, c + 16 * c_stride + 16, c_rows);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const uint16_t *a_hi = a.hi, *a_lo = a.lo;
  for (int64_t step = 0; step < n_steps; step++, a_hi += STEP, a_lo += STEP, b_hi += PANEL, b_lo += PANEL) {
    _tile_loadd(6, b_hi, TILE_BYTES);
    _tile_loadd(7, b_hi + panel, TILE_BYTES);
    _tile_loadd(4, a_lo, rows);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, a_lo + below, rows);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    _tile_loadd(4, a_hi, rows);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, a_hi + below, rows);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    _tile_loadd(6, b_lo, TILE_BYTES);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, b_lo + panel, TILE_BYTES);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, c_rows);
  _tile_stored(1, c + 16, c_rows);
  _tile_stored(2, c + 16 * c_stride, c_rows);
  _tile_stored(3, c + 16 * c_stride + 16, c_rows);
}

/* What becomes of a product: its bias is added, then gelu, then what is in `more`; it goes to y, or else to planes. */
typedef struct {
  int gelu;
  const float *more; /* rows as y's, or NULL */
  float *y;          /* rows of `stride` floats, or NULL */
  int64_t stride;
  Planes planes;
} Into;

typedef struct {
  const Packed *weights;
  int64_t first, n_columns; /* of the weights' columns */
  int64_t m, n_blocks;      /* rows, and pieces of them */
  Planes x;
  const Into *into;
} Product;

static void product_piece(const void *job, int64_t piece) {
  const Product *p = job;
  const Into *into = p->into;
  int64_t k = p->weights->k, panel = k * 16;
  int64_t row = piece % p->n_blocks * M_ROWS, column = piece / p->n_blocks * N_COLUMNS; /* weights stay in L2 */
  int64_t n_rows = p->m - row < M_ROWS ? p->m - row : M_ROWS;
  int64_t n_columns = p->n_columns - column < N_COLUMNS ? p->n_columns - column : N_COLUMNS;
  _Alignas(64) float sums[M_ROWS * N_COLUMNS];
  _tile_loadconfig(&whole_tiles);
  for (int64_t from = 0; from < k; from += K_CHUNK) {
    int64_t n_steps = (k - from < K_CHUNK ? k - from : K_CHUNK) / STEP;
    for (int64_t j = 0; j < n_columns; j += BLOCK) {
      int64_t tiles = (p->first + column + j) * k + from * 16;
      for (int64_t i = 0; i < n_rows; i += BLOCK)
        block(part_of(p->x, row + i, from), p->weights->hi + tiles, p->weights->lo + tiles, panel, n_steps,
              sums + i * N_COLUMNS + j, N_COLUMNS, from > 0);
    }
  }
  _tile_release();
  const float *bias = p->weights->bias ? p->weights->bias + p->first + column : NULL;
  for (int64_t i = 0; i < n_rows; i++) {
    float *sum = sums + i * N_COLUMNS;
    if (bias != NULL)
      for (int64_t j = 0; j < n_columns; j++) sum[j] += bias[j];
    if (into->gelu)
#pragma omp simd simdlen(16)
      for (int64_t j = 0; j < n_columns; j++) sum[j] = gelu(sum[j]);
    if (into->more != NULL) {
      const float *more = into->more + (row + i) * into->stride + column;
      for (int64_t j = 0; j < n_columns; j++) sum[j] += more[j];
    }
    if (into->y != NULL) {
      memcpy(into->y + (row + i) * into->stride + column, sum, (size_t)n_columns * sizeof *sum);
    } else {
      Planes to = part_of(into->planes, row + i, column);
      split(sum, n_columns, to.hi, to.lo);
    }
  }
}

/* Some columns of the weights times the first m rows of x. */
static void product(const Packed *weights, int64_t first, int64_t n_columns, Planes x, int64_t m, Into into) {
  int64_t n_blocks = (m + M_ROWS - 1) / M_ROWS;
  Product job = {weights, first, n_columns, m, n_blocks, x, &into};
  run(product_piece, &job, (n_columns + N_COLUMNS - 1) / N_COLUMNS * n_blocks);
}

typedef struct {
  const float *x; /* (n, width) */
  Norm norm;
  float eps;
  int64_t n, width;
  Planes out;
} Normalizing;

static void norm_piece(const void *job, int64_t piece) {
  const Normalizing *p = job;
  int64_t end = (piece + 1) * BLOCK < p->n ? (piece + 1) * BLOCK : p->n;
  for (int64_t row = piece * BLOCK; row < end; row++) {
    const float *x = p->x + row * p->width;
    float sum = 0.0f, squares = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < p->width; i++) sum += x[i];
    float mean = sum / (float)p->width;
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < p->width; i++) squares += (x[i] - mean) * (x[i] - mean);
    float scale = 1.0f / sqrtf(squares / (float)p->width + p->eps);
    for (int64_t i = 0; i < p->width; i += 16) {
      __m512 normed = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + i), _mm512_set1_ps(mean)), _mm512_set1_ps(scale));
      normed = _mm512_fmadd_ps(normed, _mm512_loadu_ps(p->norm.weight + i), _mm512_loadu_ps(p->norm.bias + i));
      split_16(normed, p->out.hi + row * p->out.stride + i, p->out.lo + row * p->out.stride + i);
    }
  }
}

static void normalize(const float *x, Norm norm, float eps, int64_t n, int64_t width, Planes out) {
  Normalizing job = {x, norm, eps, n, width, out};
  run(norm_piece, &job, (n + BLOCK - 1) / BLOCK);
}

typedef struct {
  int64_t n, n_padded, n_queries, n_heads, size, width; /* positions; of a head; of all */
  Planes qkv;                                           /* queries, keys and values side by side */
  uint16_t *keys_hi, *keys_lo, *values_hi, *values_lo;  /* packed, head by head */
  Planes out;                                           /* rows of width */
} Attention;

/* Packs the keys of a head, whose columns are the positions. */
static void pack_keys(const uint16_t *from, int64_t stride, int64_t n, int64_t n_padded, int64_t size, uint16_t *to) {
  for (int64_t key = 0; key < n_padded; key += 16)
    for (int64_t i = 0; i < size; i += STEP, to += PANEL) {
      uint16_t rows[16 * STEP] = {0};
      for (int64_t row = 0; row < 16 && key + row < n; row++)
        memcpy(rows + row * STEP, from + (key + row) * stride + i, STEP * sizeof *rows);
      transpose_16((const int32_t *)rows, 16, (int32_t *)to, 16);
    }
}

/* Packs the values of a head, whose columns are the head's elements. */
static void pack_values(const uint16_t *from, int64_t stride, int64_t n, int64_t n_padded, int64_t size, uint16_t *to) {
  for (int64_t i = 0; i < size; i += 16)
    for (int64_t key = 0; key < n_padded; key += 2, to += 32) {
      __m256i even = _mm256_setzero_si256(), odd = even;
      if (key < n) even = _mm256_loadu_si256((const __m256i *)(from + key * stride + i));
      if (key + 1 < n) odd = _mm256_loadu_si256((const __m256i *)(from + (key + 1) * stride + i));
      __m512i pairs = _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16);
      _mm512_storeu_si512(to, _mm512_or_si512(pairs, _mm512_cvtepu16_epi32(even)));
    }
}

static void pack_head(const void *job, int64_t piece) {
  const Attention *p = job;
  int64_t head = piece / 2, packed = head * p->n_padded * p->size;
  Planes keys = part_of(p->qkv, 0, p->width + head * p->size), values = part_of(keys, 0, p->width);
  if (piece % 2) {
    pack_keys(keys.hi, keys.stride, p->n, p->n_padded, p->size, p->keys_hi + packed);
    pack_keys(keys.lo, keys.stride, p->n, p->n_padded, p->size, p->keys_lo + packed);
  } else {
    pack_values(values.hi, values.stride, p->n, p->n_padded, p->size, p->values_hi + packed);
    pack_values(values.lo, values.stride, p->n, p->n_padded, p->size, p->values_lo + packed);
  }
}

/* One head of 32 queries. */
static void attend(const void *job, int64_t piece) {
  const Attention *p = job;
  int64_t n_blocks = (p->n_queries + BLOCK - 1) / BLOCK, n_padded = p->n_padded;
  int64_t head = piece / n_blocks, query = piece % n_blocks * BLOCK; /* the keys of one head stay in L2 */
  int64_t packed = head * n_padded * p->size, n_rows = p->n_queries - query < BLOCK ? p->n_queries - query : BLOCK;
  _Alignas(64) float scores[BLOCK * MAX_POSITIONS], mixed[BLOCK * MAX_HEAD], inverse[BLOCK];
  _Alignas(64) uint16_t hi[BLOCK * MAX_POSITIONS], lo[BLOCK * MAX_POSITIONS];
  Planes weights = {hi, lo, n_padded}, queries = part_of(p->qkv, query, head * p->size);
  _tile_loadconfig(&whole_tiles);
  for (int64_t key = 0; key < n_padded; key += BLOCK)
    block(queries, p->keys_hi + packed + key * p->size, p->keys_lo + packed + key * p->size, p->size * 16,
          p->size / STEP, scores + key, n_padded, 0);
  float scale = 1.0f / sqrtf((float)p->size);
  for (int64_t row = 0; row < n_rows; row++) {
    float *score = scores + row * n_padded;
    for (int64_t i = p->n; i < n_padded; i++) score[i] = -INFINITY;
    __m512 most = _mm512_loadu_ps(score);
    for (int64_t i = 16; i < n_padded; i += 16) most = _mm512_max_ps(most, _mm512_loadu_ps(score + i));
    __m512 largest = _mm512_set1_ps(_mm512_reduce_max_ps(most));
    __m512 sums = _mm512_setzero_ps();
    for (int64_t i = 0; i < n_padded; i += 16) {
      __m512 distance = _mm512_sub_ps(_mm512_loadu_ps(score + i), largest);
      __m512 weight = exponential_16(_mm512_mul_ps(distance, _mm512_set1_ps(scale)));
      sums = _mm512_add_ps(sums, weight);
      split_16(weight, hi + row * n_padded + i, lo + row * n_padded + i);
    }
    inverse[row] = 1.0f / _mm512_reduce_add_ps(sums);
  }
  for (int64_t i = 0; i < p->size; i += BLOCK)
    block(weights, p->values_hi + packed + i * n_padded, p->values_lo + packed + i * n_padded, n_padded * 16,
          n_padded / STEP, mixed + i, MAX_HEAD, 0);
  _tile_release();
  for (int64_t row = 0; row < n_rows; row++) {
    float *mix = mixed + row * MAX_HEAD;
    for (int64_t i = 0; i < p->size; i++) mix[i] *= inverse[row];
    Planes to = part_of(p->out, query + row, head * p->size);
    split(mix, p->size, to.hi, to.lo);
  }
}

/* One layer: x float (n, width) in, its first n_out rows out; the others are then no longer what they were. */
void encoder_layer(const EncoderSizes *sizes, const EncoderLayer *layer, int64_t n, int64_t n_out, float *x,
                   uint16_t *workspace) {
  int64_t width = sizes->width, n_padded = rounded_up(n), n_packed = n_padded * width;
  Planes narrow = planes_at(&workspace, n_padded, width), hidden = {workspace, workspace, sizes->hidden};
  hidden.lo += n_padded * sizes->hidden;
  Planes qkv = planes_at(&workspace, n_padded, 3 * width);
  normalize(x, layer->norm_1, sizes->norm_eps, n, width, narrow);
  product(&layer->qkv, 0, width, narrow, n_out, (Into){.planes = qkv});
  product(&layer->qkv, width, 2 * width, narrow, n, (Into){.planes = part_of(qkv, 0, width)});
  Attention attention = {
    n, n_padded, n_out, sizes->n_heads, width / sizes->n_heads, width, qkv,
    workspace, workspace + n_packed, workspace + 2 * n_packed, workspace + 3 * n_packed, narrow,
  };
  run(pack_head, &attention, 2 * sizes->n_heads);
  run(attend, &attention, (n_out + BLOCK - 1) / BLOCK * sizes->n_heads);
  product(&layer->out, 0, width, narrow, n_out, (Into){.more = x, .y = x, .stride = width});
  normalize(x, layer->norm_2, sizes->norm_eps, n_out, width, narrow);
  product(&layer->up, 0, sizes->hidden, narrow, n_out, (Into){.gelu = 1, .planes = hidden});
  product(&layer->down, 0, width, hidden, n_out, (Into){.more = x, .y = x, .stride = width});
}

/* The two convolutions and the positions: mel float (2 n, n_mels) in, x float (n, width) out. Rows of three steps lie
   one behind the other in memory, so that a convolution is a product of rows that overlap. */
void encoder_front(const EncoderSizes *sizes, const Packed *first, const Packed *second, const float *mel,
                   int64_t n_mels, const float *positions, int64_t n, float *x, uint16_t *workspace) {
  int64_t width = sizes->width, n_rows = 2 * rounded_up(n) + 2 * BLOCK;
  Planes in = planes_at(&workspace, n_rows, n_mels), between = planes_at(&workspace, n_rows, width);
  memset(in.hi, 0, (size_t)(2 * n_rows * n_mels) * sizeof *in.hi);
  split(mel, 2 * n * n_mels, in.hi + n_mels, in.lo + n_mels);
  memset(between.hi, 0, (size_t)width * sizeof *between.hi); /* what is before the first step */
  memset(between.lo, 0, (size_t)width * sizeof *between.lo);
  product(first, 0, width, in, 2 * n, (Into){.gelu = 1, .planes = part_of(between, 1, 0)});
  between.stride = 2 * width;
  product(second, 0, width, between, n, (Into){.gelu = 1, .more = positions, .y = x, .stride = width});
}
#else
void encoder_layer(const EncoderSizes *sizes, const EncoderLayer *layer, int64_t n, int64_t n_out, float *x,
                   uint16_t *workspace) {
  (void)sizes, (void)layer, (void)n, (void)n_out, (void)x, (void)workspace;
}

void encoder_front(const EncoderSizes *sizes, const Packed *first, const Packed *second, const float *mel,
                   int64_t n_mels, const float *positions, int64_t n, float *x, uint16_t *workspace) {
  (void)sizes, (void)first, (void)second, (void)mel, (void)n_mels, (void)positions, (void)n, (void)x, (void)workspace;
}
#endif
