// The disk as a power cut leaves it, for a process that is to die at a chosen moment.
//
// Linked into an executable, this replaces the functions of the C library that change files, for the executable and for
// every library it loads (SQLite, Foundation). Calls that concern files below one folder are counted; at a chosen one the
// process ends by SIGKILL. Everything else goes through as it is.
#ifndef POWER_CUT_H
#define POWER_CUT_H

enum power_cut_mode {
  // Nothing happens; only the count is taken.
  POWER_CUT_NEVER = 0,
  // The process is killed before the call: what was written before is in the page cache and stays.
  POWER_CUT_KILL = 1,
  // Half of what was to be written is, then the process is killed. A call that writes no bytes is carried out.
  POWER_CUT_TORN = 2,
  // Before the call everything is undone that no fsync has forced to the disk: bytes by an fsync of their file, new,
  // changed and removed names by an fsync of their folder. This is the worst that a power cut may do.
  POWER_CUT_LOST = 3,
  // From that call on there is no room for bytes (ENOSPC) until power_cut_room is called.
  POWER_CUT_FULL = 4,
};

// Begins to count calls below a folder (an absolute path without a trailing slash). Only once, before other threads run.
// `undo` is a folder on the same file system, outside the first one, where replaced files are kept for POWER_CUT_LOST.
void power_cut_arm(const char *folder, const char *undo, long at, enum power_cut_mode mode);

// Calls so far.
long power_cut_count(void);

// Somebody deleted something: there is room again.
void power_cut_room(void);

#endif
