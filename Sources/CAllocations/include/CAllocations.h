// Counts the memory blocks this process asks for, for the benchmark and the test that say "no allocation a frame".
#ifndef ASSAYD_CALLOCATIONS_H
#define ASSAYD_CALLOCATIONS_H

#include <stdint.h>

/// Blocks asked for since the process started, by all threads. Linking this target replaces malloc and its relatives by
/// ones that count and then do what glibc's do.
uint64_t ca_allocations(void);

#endif
