/* A pool of threads that never waits for a thread that is not running.

   A job is cut into small pieces; the caller takes pieces like everyone else, and the job is over when all pieces are
   done, not when all threads have turned up. So a core that another process holds costs a piece now and then, not a
   time slice in each product, which is what the barriers of OpenMP cost. */

#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

enum { MAX_HELPERS = 15, SPINS = 4000 }; /* SPINS pauses outlast the gap between two products of a step */

static struct {
  pthread_mutex_t caller; /* one job at a time; who finds it taken works alone */
  pthread_mutex_t asleep; /* guards n_asleep and the sleep of the helpers */
  pthread_cond_t wake;
  atomic_uint_fast64_t ticket; /* the job's number << 32 | pieces not yet taken */
  atomic_int n_done, n_asleep, n_helpers;
  Work work; /* these three belong to the ticket's job and are stable while a taken piece is not done */
  const void *job;
  int64_t n_pieces;
  int n_started;
} pool = {.caller = PTHREAD_MUTEX_INITIALIZER, .asleep = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static inline void rest(void) {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void take_pieces(uint64_t number) {
  uint64_t ticket = atomic_load(&pool.ticket);
  while (ticket >> 32 == number && (uint32_t)ticket > 0) {
    if (!atomic_compare_exchange_weak(&pool.ticket, &ticket, ticket - 1)) continue;
    pool.work(pool.job, pool.n_pieces - (int64_t)(uint32_t)ticket);
    atomic_fetch_add(&pool.n_done, 1);
    ticket = atomic_load(&pool.ticket);
  }
}

static void *help(void *index) {
  for (uint64_t seen = 0, number;; seen = number) {
    int spin = 0;
    while ((number = atomic_load(&pool.ticket) >> 32) == seen && spin++ < SPINS) rest();
    if (number == seen) {
      pthread_mutex_lock(&pool.asleep);
      atomic_fetch_add(&pool.n_asleep, 1);
      while ((number = atomic_load(&pool.ticket) >> 32) == seen) pthread_cond_wait(&pool.wake, &pool.asleep);
      atomic_fetch_sub(&pool.n_asleep, 1);
      pthread_mutex_unlock(&pool.asleep);
    }
    if ((intptr_t)index < atomic_load(&pool.n_helpers)) take_pieces(number);
  }
  return NULL;
}

/* Let n threads work on each job, the caller included; give how many will. */
int set_threads(int n) {
  pthread_mutex_lock(&pool.caller);
  int wanted = n < 1 ? 0 : n - 1 < MAX_HELPERS ? n - 1 : MAX_HELPERS;
  for (; pool.n_started < wanted; pool.n_started++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, help, (void *)(intptr_t)pool.n_started) != 0) break;
    pthread_detach(thread);
  }
  atomic_store(&pool.n_helpers, wanted < pool.n_started ? wanted : pool.n_started);
  pthread_mutex_unlock(&pool.caller);
  return n_threads();
}

int n_threads(void) { return atomic_load(&pool.n_helpers) + 1; }

void run(Work work, const void *job, int64_t n_pieces) {
  if (n_pieces < 2 || pthread_mutex_trylock(&pool.caller) != 0) {
    for (int64_t piece = 0; piece < n_pieces; piece++) work(job, piece);
    return;
  }
  pool.work = work;
  pool.job = job;
  pool.n_pieces = n_pieces;
  atomic_store(&pool.n_done, 0);
  uint64_t number = (uint32_t)((atomic_load(&pool.ticket) >> 32) + 1);
  atomic_store(&pool.ticket, number << 32 | (uint64_t)n_pieces);
  if (atomic_load(&pool.n_asleep) > 0) {
    pthread_mutex_lock(&pool.asleep);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.asleep);
  }
  take_pieces(number);
  for (int spin = 1; atomic_load(&pool.n_done) < n_pieces; spin++) {
    rest();
    if (spin % 256 == 0) sched_yield(); /* a helper may be waiting for this very core */
  }
  pthread_mutex_unlock(&pool.caller);
}
