/* linear_int8: a matrix of 8-bit weights times float rows. See products.c. */

#ifndef PRODUCTS_H
#define PRODUCTS_H

#include <stdint.h>

typedef struct {
  const int8_t *w;    /* (n, k) */
  const float *scale; /* (n,) */
  const float *bias;  /* (n,) or NULL */
  int64_t n, k;       /* n a multiple of 4, k of 64 */
} Matrix;

int linear_int8(const Matrix *matrix, const float *x, int64_t m, float *y);

#endif
