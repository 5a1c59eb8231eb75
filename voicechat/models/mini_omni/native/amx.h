/* The matrix unit of some x86 processors (AMX): what its users share. On all others `amx_usable` is 0.

   A tile is 16 rows of 64 bytes. What a tile of the left factor holds is 16 rows of a matrix as it lies in memory; of
   the right one, 16 columns, packed so that each tile row has two (16 bit) or four (8 bit) elements of every column. */

#ifndef AMX_H
#define AMX_H

#include <stdint.h>

int amx_usable(void); /* whether this was compiled for it, and the system lets the process use it */

#if defined(__AMX_BF16__) && defined(__AMX_INT8__) && defined(__AVX512BW__) && defined(__linux__)
#define HAS_AMX 1
#include <immintrin.h>

enum { TILE_ROWS = 16, TILE_BYTES = 64 };

static const struct {
  uint8_t palette, start_row, reserved[14];
  uint16_t bytes[16];
  uint8_t rows[16];
} whole_tiles = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

/* dst[j][i] = src[i][j], 16 by 16; the strides are in elements. */
static inline void transpose_16(const int32_t *src, int64_t src_stride, int32_t *dst, int64_t dst_stride) {
  __m512i r[16], t[16];
  for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_si512(src + i * src_stride);
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4)
    for (int j = 0; j < 2; j++) {
      r[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + j + 2]);
      r[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + j + 2]);
    }
  for (int i = 0; i < 16; i += 8)
    for (int j = 0; j < 4; j++) {
      t[i + j] = _mm512_shuffle_i32x4(r[i + j], r[i + j + 4], 0x88);
      t[i + j + 4] = _mm512_shuffle_i32x4(r[i + j], r[i + j + 4], 0xdd);
    }
  for (int j = 0; j < 8; j++) {
    _mm512_storeu_si512(dst + j * dst_stride, _mm512_shuffle_i32x4(t[j], t[j + 8], 0x88));
    _mm512_storeu_si512(dst + (j + 8) * dst_stride, _mm512_shuffle_i32x4(t[j], t[j + 8], 0xdd));
  }
}
#endif

#endif
