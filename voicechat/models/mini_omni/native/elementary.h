/* Elementary functions in a form that compilers vectorize. */

#ifndef ELEMENTARY_H
#define ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* e^x to 2e-7 of it; x is clamped to where the result is no float that processors are slow with, and to 1e-9 of it
   is not, either. */
static inline float exponential(float x) {
  x = x < -66.0f ? -66.0f : x > 88.0f ? 88.0f : x;
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

/* x times the normal distribution's share below x, to 2e-7 of x (Abramowitz and Stegun, 7.1.26). */
static inline float gelu(float x) {
  float z = fabsf(x) * 0.707106781f, t = 1.0f / fmaf(0.3275911f, z, 1.0f);
  float series = fmaf(fmaf(fmaf(fmaf(1.061405429f, t, -1.453152027f), t, 1.421413741f), t, -0.284496736f), t,
                      0.254829592f) * t;
  float tail = 0.5f * series * exponential(-z * z);
  return x * (x < 0.0f ? tail : 1.0f - tail);
}

#endif
