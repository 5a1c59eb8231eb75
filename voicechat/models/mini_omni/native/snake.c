/* The parts of SNAC's decoder that are not matrix products, each in one pass over its samples.

   snake(x) = x + sin(a x)^2 / a, one a for each channel (arXiv 2006.08195). All arrays are float, (channels, samples),
   contiguous. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

enum { TAPS = 7, CHANNELS = 8 /* per piece */ };

/* In a form that the compiler vectorizes: sin^2 has the period pi, and its sign does not matter. */
static inline float snake(float x, float a, float inverse) {
  float angle = a * x, turns = rintf(angle * 0.318309886f);
  float r = fmaf(turns, -3.140625f, angle);
  r = fmaf(turns, -9.67502593994140625e-4f, r);
  r = fmaf(turns, -1.50995799e-7f, r);
  float square = r * r;
  float series = fmaf(fmaf(fmaf(fmaf(-2.3889859e-8f, square, 2.7525562e-6f), square, -1.9840874e-4f), square,
                           8.3333310e-3f), square, -1.6666667e-1f);
  float sine = fmaf(series * square, r, r);
  return fmaf(sine * sine, inverse, x);
}

typedef struct {
  const float *x, *a, *inverse;
  int64_t n_channels, n_samples;
  float *out;
} Snake;

static void snake_piece(const void *job, int64_t piece) {
  const Snake *s = job;
  for (int64_t c = piece * CHANNELS; c < (piece + 1) * CHANNELS && c < s->n_channels; c++)
    for (int64_t i = c * s->n_samples; i < (c + 1) * s->n_samples; i++)
      s->out[i] = snake(s->x[i], s->a[c], s->inverse[c]);
}

void snake_rows(const float *x, const float *a, const float *inverse, int64_t n_channels, int64_t n_samples, float *out) {
  Snake job = {x, a, inverse, n_channels, n_samples, out};
  run(snake_piece, &job, (n_channels + CHANNELS - 1) / CHANNELS);
}

/* What a residual unit does before its last, pointwise convolution, as a stream: snake, a depthwise convolution of
   TAPS taps, snake; and beside it, the input delayed to where the unit's output is added to it.

   The convolution sees the samples remembered (after the first snake), then the new ones, then n_zeros; the new memory
   is what the next outputs need of them. The same holds for the input that waits. */

typedef struct {
  const float *a_1, *inverse_1, *weight, *bias, *a_2, *inverse_2; /* weight (channels, TAPS) */
  int64_t n_channels, dilation;
} Unit;

typedef struct {
  const Unit *unit;
  const float *x, *remembered, *waiting;
  int64_t n, n_remembered, n_waiting, n_zeros, n_out;
  float *out, *delayed, *next_remembered, *next_waiting;
} Front;

static void front_piece(const void *job, int64_t piece) {
  const Front *f = job;
  const Unit *u = f->unit;
  int64_t n_seen = f->n_remembered + f->n + f->n_zeros, n_kept = n_seen - f->n_out;
  int64_t n_behind = f->n_waiting + f->n - f->n_out;
  float *seen = malloc((size_t)(n_seen + f->n_waiting + f->n) * sizeof *seen);
  if (seen == NULL) abort();
  float *input = seen + n_seen;
  for (int64_t c = piece * CHANNELS; c < (piece + 1) * CHANNELS && c < u->n_channels; c++) {
    const float *x = f->x + c * f->n, *w = u->weight + c * TAPS;
    float *out = f->out + c * f->n_out;
    memcpy(seen, f->remembered + c * f->n_remembered, (size_t)f->n_remembered * sizeof *seen);
    for (int64_t i = 0; i < f->n; i++) seen[f->n_remembered + i] = snake(x[i], u->a_1[c], u->inverse_1[c]);
    memset(seen + f->n_remembered + f->n, 0, (size_t)f->n_zeros * sizeof *seen);
    for (int64_t i = 0; i < f->n_out; i++) {
      const float *s = seen + i;
      float sum = u->bias[c];
      for (int64_t tap = 0; tap < TAPS; tap++) sum = fmaf(w[tap], s[tap * u->dilation], sum);
      out[i] = snake(sum, u->a_2[c], u->inverse_2[c]);
    }
    memcpy(f->next_remembered + c * n_kept, seen + f->n_out, (size_t)n_kept * sizeof *seen);
    memcpy(input, f->waiting + c * f->n_waiting, (size_t)f->n_waiting * sizeof *seen);
    memcpy(input + f->n_waiting, x, (size_t)f->n * sizeof *seen);
    memcpy(f->delayed + c * f->n_out, input, (size_t)f->n_out * sizeof *seen);
    memcpy(f->next_waiting + c * n_behind, input + f->n_out, (size_t)n_behind * sizeof *seen);
  }
  free(seen);
}

void unit_front(const Unit *unit, const float *x, int64_t n, const float *remembered, int64_t n_remembered,
                const float *waiting, int64_t n_waiting, int64_t n_zeros, int64_t n_out, float *out, float *delayed,
                float *next_remembered, float *next_waiting) {
  Front job = {unit,  x,   remembered, waiting,         n,           n_remembered, n_waiting,
               n_zeros, n_out, out,    delayed, next_remembered, next_waiting};
  run(front_piece, &job, (unit->n_channels + CHANNELS - 1) / CHANNELS);
}
