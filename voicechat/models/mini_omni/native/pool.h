/* The threads that the kernels share. See pool.c. */

#ifndef POOL_H
#define POOL_H

#include <stdint.h>

typedef void (*Work)(const void *job, int64_t piece);

void run(Work work, const void *job, int64_t n_pieces); /* do the pieces 0..n_pieces of a job */
int n_threads(void);                                    /* how many may take part, the caller included */

#endif
