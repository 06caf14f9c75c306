#define _GNU_SOURCE
#include "CThreads.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

int ct_allowed_processor(int n) {
  cpu_set_t set;
  // The process's own mask, not the calling thread's, which may be bound already.
  if (sched_getaffinity(getpid(), sizeof(set), &set) != 0) return -1;
  for (int processor = 0; processor < CPU_SETSIZE; processor++)
    if (CPU_ISSET(processor, &set) && n-- == 0) return processor;
  return -1;
}

int ct_bind_to_processor(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}
