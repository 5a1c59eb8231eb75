/* Products of 8-bit weights with a few rows of 8-bit activations, as fast as the weights can be read.

   y[m, n] = x_scale[m] * w_scale[n] * sum_k w[n, k] * x[m, k]; the sum is exact, in 32-bit integers. K is a multiple
   of 64, the rows of w and x are contiguous. Built by kernels.py for the machine it runs on; without AVX512-VNNI the
   plain loops are left to the compiler's vectorizer. Rows are handed out in small pieces, so that a core that is
   taken away by another process holds up no more than one piece. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#if defined(__AVX512VNNI__) && defined(__AVX512F__) && defined(__AVX512BW__)
#include <immintrin.h>
#define HAVE_VNNI 1
#endif

enum { ROWS = 4, TILE = 4, PIECE = 64 }; /* weight rows and activation rows at a time; weight rows per piece */

/* Round each row to int8: x_scale is its largest magnitude / 127. */
void quantize_rows(const float *x, int64_t n_rows, int64_t k, int8_t *q, float *scale) {
  for (int64_t m = 0; m < n_rows; m++) {
    const float *row = x + m * k;
    float largest = 0.0f;
    for (int64_t i = 0; i < k; i++) {
      float magnitude = fabsf(row[i]);
      largest = magnitude > largest ? magnitude : largest;
    }
    float inverse = largest > 0.0f ? 127.0f / largest : 0.0f;
    scale[m] = largest / 127.0f;
    for (int64_t i = 0; i < k; i++) q[m * k + i] = (int8_t)lrintf(row[i] * inverse);
  }
}

#ifdef HAVE_VNNI
/* dpbusd wants one side unsigned: x + 128 is, and 128 * sum(w) is taken off again. */
#define BLOCK(TILES)                                                                                    \
  static void block_##TILES(const int8_t *w, const int8_t *x, int64_t k, int32_t sums[TILE][ROWS]) {    \
    const __m512i flip = _mm512_set1_epi8((char)0x80);                                                  \
    __m512i acc[TILES][ROWS];                                                                           \
    for (int m = 0; m < TILES; m++)                                                                     \
      for (int r = 0; r < ROWS; r++) acc[m][r] = _mm512_setzero_si512();                                \
    for (int64_t i = 0; i < k; i += 64) {                                                               \
      __m512i v[TILES];                                                                                 \
      for (int m = 0; m < TILES; m++) v[m] = _mm512_xor_si512(_mm512_loadu_si512(x + m * k + i), flip); \
      for (int r = 0; r < ROWS; r++) {                                                                  \
        __m512i weights = _mm512_loadu_si512(w + r * k + i);                                            \
        _mm_prefetch((const char *)(w + (r + ROWS) * k + i), _MM_HINT_T0);                              \
        for (int m = 0; m < TILES; m++) acc[m][r] = _mm512_dpbusd_epi32(acc[m][r], v[m], weights);      \
      }                                                                                                 \
    }                                                                                                   \
    for (int m = 0; m < TILES; m++)                                                                     \
      for (int r = 0; r < ROWS; r++) sums[m][r] = _mm512_reduce_add_epi32(acc[m][r]);                   \
  }
BLOCK(1) BLOCK(2) BLOCK(4)
static void block(const int8_t *w, const int8_t *x, int64_t k, int tiles, int32_t sums[TILE][ROWS]) {
  if (tiles == 4) block_4(w, x, k, sums);
  else if (tiles >= 2) { block_2(w, x, k, sums); if (tiles == 3) block_1(w, x + 2 * k, k, sums + 2); }
  else block_1(w, x, k, sums);
}
enum { OFFSET = 128 };
#else
static void block(const int8_t *w, const int8_t *x, int64_t k, int tiles, int32_t sums[TILE][ROWS]) {
  for (int m = 0; m < tiles; m++)
    for (int r = 0; r < ROWS; r++) {
      int32_t sum = 0;
      for (int64_t i = 0; i < k; i++) sum += (int32_t)w[r * k + i] * (int32_t)x[m * k + i];
      sums[m][r] = sum;
    }
}
enum { OFFSET = 0 };
#endif

/* w int8 (n, k), n a multiple of 4; w_sum int32 (n,): the sum of each row; x int8 (n_rows, k); y float (n_rows, n). */
void linear_int8(const int8_t *w, const float *w_scale, const int32_t *w_sum, int64_t n, int64_t k, const int8_t *x,
                 const float *x_scale, int64_t n_rows, float *y) {
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t piece = 0; piece < n; piece += PIECE) {
    int64_t end = piece + PIECE < n ? piece + PIECE : n;
    for (int64_t first = 0; first < n_rows; first += TILE) {
      int tiles = n_rows - first < TILE ? (int)(n_rows - first) : TILE;
      for (int64_t row = piece; row < end; row += ROWS) {
        int32_t sums[TILE][ROWS];
        block(w + row * k, x + first * k, k, tiles, sums);
        for (int m = 0; m < tiles; m++)
          for (int r = 0; r < ROWS; r++)
            y[(first + m) * n + row + r] =
                x_scale[first + m] * w_scale[row + r] * (float)(sums[m][r] - OFFSET * w_sum[row + r]);
      }
    }
  }
}

/* Read n bytes as fast as they can be read: the floor that every product of weights is measured against. */
int64_t read_bytes(const uint8_t *data, int64_t n) {
  int64_t total = 0;
#pragma omp parallel for schedule(static) reduction(+ : total)
  for (int64_t piece = 0; piece < n / 4096; piece++) {
    const int64_t *words = (const int64_t *)(data + piece * 4096);
    int64_t sum = 0;
    for (int i = 0; i < 512; i++) sum += words[i];
    total += sum;
  }
  return total;
}
