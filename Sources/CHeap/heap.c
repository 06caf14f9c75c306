#include "CHeap.h"

#include <malloc.h>

int ch_limit_arenas(int most) { return mallopt(M_ARENA_MAX, most); }

void ch_give_back(void) { malloc_trim(0); }
