// glibc's malloc, whose settings Swift does not see.
#ifndef ASSAYD_CHEAP_H
#define ASSAYD_CHEAP_H

/// Has the threads share at most so many arenas. Otherwise glibc makes up to eight for each processor, nearly one for each
/// thread, and what one of them gave back no other thread can have. To be called before there are threads.
/// Returns 1, or 0 where glibc does not take it.
int ch_limit_arenas(int most);

/// Gives whole pages that are free back to the system, wherever in the arenas they lie.
void ch_give_back(void);

#endif
