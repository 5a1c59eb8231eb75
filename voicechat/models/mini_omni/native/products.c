/* Products of 8-bit weights with float activations, as fast as the weights can be read.

   y[m, n] = x_scale[m] * w_scale[n] * sum_k w[n, k] * q[m, k] + bias[n], where q is row m of x rounded to integers so
   small that the sum is exact in 32 bits, in any order: 12 to 15 bits, which cost no more than 8 where the time goes
   into reading weights, and which keep the small values beside an outlier.

   k is a multiple of 64, n of 4; all arrays are contiguous. AVX512-VNNI and, for many rows, AMX are written out, the
   rest is left to the compiler's vectorizer. */

#define _DEFAULT_SOURCE /* madvise */
#include "products.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif
#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

#include "amx.h"
#include "pool.h"

/* A tile is ROWS weight rows by up to TILE activation rows, CHUNK columns at once if they are many, so that it stays in
   L1. The weight rows of a tile lie a quarter of the piece apart: four streams that the processor's prefetcher follows.
*/

enum {
  ROWS = 4,
  TILE = 4, /* 16 sums: more would be faster with GCC, slower with clang, which then keeps them in memory */
  CHUNK = 2432,
  PIECE_ROWS = 256,      /* of weights, at most */
  PIECE_BYTES = 1 << 18, /* of weights, at most */
  AHEAD = 1024           /* bytes that weights are asked for before they are needed */
};

#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif
#define NOINLINE __attribute__((noinline)) /* inlined, GCC 12 keeps half of a tile on the stack: 1.5 times as slow */
/* Add the sums of four vectors to four integers. */
static NOINLINE void add_sums(__m512i a, __m512i b, __m512i c, __m512i d, int32_t *sums, int64_t stride) {
  __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
  int32_t four[ROWS];
  _mm_storeu_si128((__m128i *)four, _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
  UNROLL for (int r = 0; r < ROWS; r++) sums[r * stride] += four[r];
}
#define TILE_OF(T)                                                                                               \
  static NOINLINE void tile_##T(const int8_t *w, int64_t apart, const int16_t *x, int64_t k, int64_t n_columns,  \
                                int32_t *sums, int64_t sums_apart) {                                             \
    __m512i acc[T][ROWS];                                                                                        \
    UNROLL for (int m = 0; m < T; m++) UNROLL for (int r = 0; r < ROWS; r++) acc[m][r] = _mm512_setzero_si512(); \
    for (int64_t i = 0; i < n_columns; i += 32) {                                                                \
      __m512i weights[ROWS];                                                                                     \
      UNROLL for (int r = 0; r < ROWS; r++) {                                                                    \
        weights[r] = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(w + r * apart + i)));             \
        if (i % 64 == 0) _mm_prefetch((const char *)(w + r * apart + i + AHEAD), _MM_HINT_T0);                   \
      }                                                                                                          \
      UNROLL for (int m = 0; m < T; m++) {                                                                       \
        __m512i v = _mm512_loadu_si512(x + m * k + i);                                                           \
        UNROLL for (int r = 0; r < ROWS; r++) acc[m][r] = _mm512_dpwssd_epi32(acc[m][r], weights[r], v);         \
      }                                                                                                          \
    }                                                                                                            \
    UNROLL for (int m = 0; m < T; m++)                                                                           \
        add_sums(acc[m][0], acc[m][1], acc[m][2], acc[m][3], sums + m * PIECE_ROWS, sums_apart);                 \
  }
TILE_OF(1) TILE_OF(2) TILE_OF(3) TILE_OF(4)
static void tile(int n_tile, const int8_t *w, int64_t apart, const int16_t *x, int64_t k, int64_t n_columns,
                 int32_t *sums, int64_t sums_apart) {
  switch (n_tile) {
    case 1: tile_1(w, apart, x, k, n_columns, sums, sums_apart); break;
    case 2: tile_2(w, apart, x, k, n_columns, sums, sums_apart); break;
    case 3: tile_3(w, apart, x, k, n_columns, sums, sums_apart); break;
    default: tile_4(w, apart, x, k, n_columns, sums, sums_apart);
  }
}
#else
/* Widened weights, so that the compiler finds its multiply-add of 16-bit pairs (pmaddwd, smlal). */
static void tile(int n_tile, const int8_t *w, int64_t apart, const int16_t *x, int64_t k, int64_t n_columns,
                 int32_t *sums, int64_t sums_apart) {
  for (; n_columns > 0; n_columns -= CHUNK, w += CHUNK, x += CHUNK) {
    int16_t wide[ROWS][CHUNK];
    int64_t n = n_columns < CHUNK ? n_columns : CHUNK;
    for (int r = 0; r < ROWS; r++)
      for (int64_t i = 0; i < n; i++) wide[r][i] = w[r * apart + i];
    for (int m = 0; m < n_tile; m++) {
      const int16_t *v = x + m * k;
      int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0, *to = sums + m * PIECE_ROWS;
      for (int64_t i = 0; i < n; i++) {
        s0 += (int32_t)wide[0][i] * (int32_t)v[i];
        s1 += (int32_t)wide[1][i] * (int32_t)v[i];
        s2 += (int32_t)wide[2][i] * (int32_t)v[i];
        s3 += (int32_t)wide[3][i] * (int32_t)v[i];
      }
      to[0] += s0, to[sums_apart] += s1, to[2 * sums_apart] += s2, to[3 * sums_apart] += s3;
    }
  }
}
#endif

typedef struct {
  const Matrix *matrix;
  const float *x;
  int16_t *q;
  float *q_scale, *y;
  int64_t m, piece_rows;
} Product;

static void quantize_row(const void *job, int64_t row) {
  const Product *p = job;
  int64_t k = p->matrix->k;
  const float *x = p->x + row * k;
  int16_t *q = p->q + row * k;
  float limit = (float)(INT32_MAX / (127 * k) < INT16_MAX ? INT32_MAX / (127 * k) : INT16_MAX);
  int32_t bits = 0; /* of the largest magnitude: floats without their sign order as integers do, which vectorizes */
  for (int64_t i = 0; i < k; i++) {
    int32_t magnitude;
    memcpy(&magnitude, x + i, sizeof magnitude);
    magnitude &= INT32_MAX;
    bits = magnitude > bits ? magnitude : bits;
  }
  float largest;
  memcpy(&largest, &bits, sizeof largest);
  float inverse = largest > 0.0f ? limit / largest : 0.0f;
  p->q_scale[row] = largest / limit;
  for (int64_t i = 0; i < k; i++) q[i] = (int16_t)rintf(x[i] * inverse);
}

static void product_piece(const void *job, int64_t piece) {
  const Product *p = job;
  int64_t n = p->matrix->n, k = p->matrix->k, first = piece * p->piece_rows;
  int64_t n_rows = first + p->piece_rows < n ? p->piece_rows : n - first, quarter = n_rows / ROWS;
  const float *scale = p->matrix->scale + first, *bias = p->matrix->bias ? p->matrix->bias + first : NULL;
  for (int64_t m = 0; m < p->m; m += TILE) {
    int n_tile = p->m - m < TILE ? (int)(p->m - m) : TILE;
    int32_t sums[TILE * PIECE_ROWS] = {0}; /* (TILE, PIECE_ROWS) */
    int64_t chunk = n_tile * k <= TILE * CHUNK ? k : CHUNK;
    for (int64_t column = 0; column < k; column += chunk) {
      int64_t n_columns = k - column < chunk ? k - column : chunk;
      const int8_t *w = p->matrix->w + first * k + column;
      const int16_t *q = p->q + m * k + column;
      for (int64_t row = 0; row < quarter; row++)
        tile(n_tile, w + row * k, quarter * k, q, k, n_columns, sums + row, quarter);
    }
    for (int i = 0; i < n_tile; i++) {
      float *y = p->y + (m + i) * n + first, q_scale = p->q_scale[m + i];
      for (int64_t row = 0; row < n_rows; row++) y[row] = q_scale * scale[row] * (float)sums[i * PIECE_ROWS + row];
      if (bias != NULL)
        for (int64_t row = 0; row < n_rows; row++) y[row] += bias[row];
    }
  }
}

#ifdef HAS_AMX
/* Many rows at once: 16 bits are 256 times a signed byte and an unsigned one, so that two products of bytes, summed in
   32 bits, give the same integers. The weights are the left factor, as they lie; the activations are packed. */

enum { K_STEP = 64, TILE_SIZE = TILE_ROWS * TILE_BYTES };

typedef struct {
  const Product *product;
  uint8_t *high, *low; /* [m / 16][k / 64][16 fours of k][16 rows][4] */
} Packed;

static void pack_rows(const void *job, int64_t piece) {
  const Packed *packed = job;
  const Product *p = packed->product;
  int64_t k = p->matrix->k, first = piece * TILE_ROWS;
  uint8_t *to_high = packed->high + first * k, *to_low = packed->low + first * k;
  for (int64_t column = 0; column < k; column += K_STEP, to_high += TILE_SIZE, to_low += TILE_SIZE) {
    _Alignas(64) uint8_t high[TILE_SIZE] = {0}, low[TILE_SIZE] = {0};
    for (int64_t row = 0; row < TILE_ROWS && first + row < p->m; row++)
      for (int64_t i = 0; i < K_STEP; i += 32) {
        __m512i q = _mm512_loadu_si512(p->q + (first + row) * k + column + i);
        _mm256_store_si256((__m256i *)(low + row * K_STEP + i), _mm512_cvtepi16_epi8(q));
        _mm256_store_si256((__m256i *)(high + row * K_STEP + i), _mm512_cvtepi16_epi8(_mm512_srai_epi16(q, 8)));
      }
    transpose_16((const int32_t *)high, 16, (int32_t *)to_high, 16);
    transpose_16((const int32_t *)low, 16, (int32_t *)to_low, 16);
  }
}

/* Write 16 rows of weights times 16 of activations. */
static void write_sums(const Product *p, int64_t n, int64_t m, const int32_t *high, const int32_t *low) {
  _Alignas(64) int32_t sums[TILE_ROWS * TILE_ROWS];
  for (int i = 0; i < TILE_ROWS * TILE_ROWS; i++) sums[i] = (int32_t)((uint32_t)high[i] * 256 + (uint32_t)low[i]);
  transpose_16(sums, TILE_ROWS, sums, TILE_ROWS);
  const float *scale = p->matrix->scale + n, *bias = p->matrix->bias ? p->matrix->bias + n : NULL;
  for (int64_t row = 0; row < TILE_ROWS && m + row < p->m; row++) {
    float *y = p->y + (m + row) * p->matrix->n + n, q_scale = p->q_scale[m + row];
    for (int i = 0; i < TILE_ROWS; i++) y[i] = q_scale * scale[i] * (float)sums[row * TILE_ROWS + i];
    if (bias != NULL)
      for (int i = 0; i < TILE_ROWS; i++) y[i] += bias[i];
  }
}

static void tiles_piece(const void *job, int64_t piece) {
  const Packed *packed = job;
  const Product *p = packed->product;
  int64_t k = p->matrix->k, first = piece * p->piece_rows;
  int64_t end = first + p->piece_rows < p->matrix->n ? first + p->piece_rows : p->matrix->n;
  _Alignas(64) int32_t sums[4][TILE_ROWS * TILE_ROWS];
  _tile_loadconfig(&whole_tiles);
  for (int64_t n = first; n < end; n += 2 * TILE_ROWS) {
    int64_t next = n + TILE_ROWS < end ? n + TILE_ROWS : n; /* the last may be alone */
    for (int64_t m = 0; m < p->m; m += TILE_ROWS) {
      const int8_t *w = p->matrix->w + n * k, *w_next = p->matrix->w + next * k;
      const uint8_t *high = packed->high + m * k, *low = packed->low + m * k;
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      for (int64_t i = 0; i < k; i += K_STEP, high += TILE_SIZE, low += TILE_SIZE) {
        _tile_loadd(6, high, TILE_BYTES);
        _tile_loadd(4, w + i, k);
        _tile_dpbssd(0, 4, 6);
        _tile_loadd(7, low, TILE_BYTES);
        _tile_dpbsud(1, 4, 7);
        _tile_loadd(5, w_next + i, k);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbsud(3, 5, 7);
      }
      _tile_stored(0, sums[0], TILE_BYTES);
      _tile_stored(1, sums[1], TILE_BYTES);
      _tile_stored(2, sums[2], TILE_BYTES);
      _tile_stored(3, sums[3], TILE_BYTES);
      write_sums(p, n, m, sums[0], sums[1]);
      if (next > n) write_sums(p, next, m, sums[2], sums[3]);
    }
  }
  _tile_release();
}

/* Give 0, or -1 if there is no memory. */
static int product_of_tiles(Product *product) {
  int64_t n = product->matrix->n, k = product->matrix->k, n_tiles = (product->m + TILE_ROWS - 1) / TILE_ROWS;
  uint8_t *memory = malloc((size_t)(2 * n_tiles * TILE_ROWS * k));
  if (memory == NULL) return -1;
  Packed packed = {product, memory, memory + n_tiles * TILE_ROWS * k};
  run(pack_rows, &packed, n_tiles);
  run(tiles_piece, &packed, (n + product->piece_rows - 1) / product->piece_rows);
  free(memory);
  return 0;
}

static int fits_tiles(const Matrix *matrix, int64_t m) {
  return m > TILE && matrix->n % TILE_ROWS == 0 && amx_usable();
}
#else
static int fits_tiles(const Matrix *matrix, int64_t m) { return (void)matrix, (void)m, 0; }
static int product_of_tiles(Product *product) { return (void)product, -1; }
#endif

/* As many rows, a multiple of `step`, as make long streams, and still some pieces for each thread. */
static int64_t rows_per_piece(int64_t n, int64_t k, int64_t step) {
  int64_t rows = n / (4 * n_threads());
  rows = rows < PIECE_BYTES / k ? rows : PIECE_BYTES / k;
  rows = (rows < PIECE_ROWS ? rows : PIECE_ROWS) / step * step;
  return rows < step ? step : rows;
}

/* x float (m, k), y float (m, n). Give 0, or -1 if there is no memory. */
int linear_int8(const Matrix *matrix, const float *x, int64_t m, float *y) {
  int64_t k = matrix->k;
  int16_t *q = malloc((size_t)(m * k) * sizeof *q + (size_t)m * sizeof(float));
  if (q == NULL) return -1;
  int on_tiles = fits_tiles(matrix, m), failed = 0;
  int64_t piece_rows = rows_per_piece(matrix->n, k, on_tiles ? 32 : ROWS);
  Product product = {matrix, x, q, (float *)(q + m * k), y, m, piece_rows};
  if (m > TILE) {
    run(quantize_row, &product, m);
  } else {
    for (int64_t row = 0; row < m; row++) quantize_row(&product, row);
  }
  if (on_tiles)
    failed = product_of_tiles(&product);
  else
    run(product_piece, &product, (matrix->n + piece_rows - 1) / piece_rows);
  free(q);
  return failed;
}

/* The floor that every product is measured against: read n bytes in the order of the products, and do no more. */

typedef struct { const uint8_t *data; int64_t n; atomic_int_fast64_t total; } Reading;

static void read_piece(const void *job, int64_t piece) {
  Reading *reading = (Reading *)job;
  enum { STREAM = PIECE_BYTES / ROWS / 8 };
  const int64_t *words = (const int64_t *)(reading->data + piece * PIECE_BYTES);
  int64_t total = 0;
  for (int i = 0; i < STREAM; i++)
    total += words[i] ^ words[STREAM + i] ^ words[2 * STREAM + i] ^ words[3 * STREAM + i];
  atomic_fetch_add(&reading->total, total);
}

int64_t read_bytes(const uint8_t *data, int64_t n) {
  Reading reading = {data, n, 0};
  run(read_piece, &reading, n / PIECE_BYTES);
  return (int64_t)reading.total;
}

/* Ask for large pages for memory that is about to be filled: weights read in full each step miss the TLB otherwise. */
void prefer_large_pages(void *data, int64_t n) {
#ifdef MADV_HUGEPAGE
  uintptr_t page = 4096, first = ((uintptr_t)data + page - 1) / page * page;
  uintptr_t end = ((uintptr_t)data + (uintptr_t)n) / page * page;
  if (end > first) madvise((void *)first, end - first, MADV_HUGEPAGE);
#else
  (void)data, (void)n;
#endif
}
