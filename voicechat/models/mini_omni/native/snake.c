/* The parts of SNAC's decoder that are not matrix products, each in one pass over its samples.

   snake(x) = x + sin(a x)^2 / a, one a for each channel (arXiv 2006.08195). All arrays are float, (channels, samples),
   contiguous. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TAPS = 7 };

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

void snake_rows(const float *x, const float *a, const float *inverse, int64_t n_channels, int64_t n_samples,
                float *out) {
  for (int64_t c = 0; c < n_channels; c++)
    for (int64_t i = c * n_samples; i < (c + 1) * n_samples; i++) out[i] = snake(x[i], a[c], inverse[c]);
}

/* What a residual unit does before its last, pointwise convolution, as a stream: snake, a depthwise convolution of
   TAPS taps, snake; and beside it, the input delayed to where the unit's output is added to it.

   The convolution sees the samples remembered (after the first snake), then the new ones, then n_zeros; the new memory
   is what the next outputs need of them. The same holds for the input that waits. */

typedef struct {
  const float *a_1, *inverse_1, *weight, *bias, *a_2, *inverse_2; /* weight (channels, TAPS) */
  int64_t n_channels, dilation;
} Unit;

/* x float (channels, n), remembered (channels, n_remembered), waiting (channels, n_waiting); out and delayed (channels,
   n_out), next_remembered and next_waiting (channels, what is left). Give 0, or -1 if there is no memory. */
int unit_front(const Unit *unit, const float *x, int64_t n, const float *remembered, int64_t n_remembered,
               const float *waiting, int64_t n_waiting, int64_t n_zeros, int64_t n_out, float *out, float *delayed,
               float *next_remembered, float *next_waiting) {
  int64_t n_seen = n_remembered + n + n_zeros, n_kept = n_seen - n_out, n_behind = n_waiting + n - n_out;
  float *seen = malloc((size_t)(n_seen + n_waiting + n) * sizeof *seen), *input = seen + n_seen;
  if (seen == NULL) return -1;
  for (int64_t c = 0; c < unit->n_channels; c++, x += n, out += n_out) {
    const float *w = unit->weight + c * TAPS;
    memcpy(seen, remembered + c * n_remembered, (size_t)n_remembered * sizeof *seen);
    for (int64_t i = 0; i < n; i++) seen[n_remembered + i] = snake(x[i], unit->a_1[c], unit->inverse_1[c]);
    memset(seen + n_remembered + n, 0, (size_t)n_zeros * sizeof *seen);
    for (int64_t i = 0; i < n_out; i++) {
      const float *s = seen + i;
      float sum = unit->bias[c];
      for (int64_t tap = 0; tap < TAPS; tap++) sum = fmaf(w[tap], s[tap * unit->dilation], sum);
      out[i] = snake(sum, unit->a_2[c], unit->inverse_2[c]);
    }
    memcpy(next_remembered + c * n_kept, seen + n_out, (size_t)n_kept * sizeof *seen);
    memcpy(input, waiting + c * n_waiting, (size_t)n_waiting * sizeof *seen);
    memcpy(input + n_waiting, x, (size_t)n * sizeof *seen);
    memcpy(delayed + c * n_out, input, (size_t)n_out * sizeof *seen);
    memcpy(next_waiting + c * n_behind, input + n_out, (size_t)n_behind * sizeof *seen);
  }
  free(seen);
  return 0;
}
