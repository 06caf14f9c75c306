// Processor affinity, which glibc declares to programs in C only.
#ifndef ASSAYD_CTHREADS_H
#define ASSAYD_CTHREADS_H

/// The number of the n-th processor (from 0) that this process may run on, or -1 where there are not so many.
int ct_allowed_processor(int n);

/// Binds the calling thread to one processor. Returns 0, or the error number where that is not allowed.
int ct_bind_to_processor(int processor);

/// Tells the processor that this thread waits in a loop.
static inline void ct_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#endif
