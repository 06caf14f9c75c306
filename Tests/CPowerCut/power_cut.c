#define _GNU_SOURCE
#include "power_cut.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static char undo_folder[PATH_MAX];
static long cut_at;
static enum power_cut_mode mode;
static long count;
static bool armed;
static bool is_full;

// The next definition of a function after ours: the C library's.
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void end(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static bool is_below(const char *path) {
  return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

static bool path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return false;
  path[length] = 0;
  return true;
}

static bool is_watched(int fd) {
  char path[PATH_MAX];
  return armed && path_of(fd, path) && is_below(path);
}

// The absolute path of what a call names.
static bool full_path(int folder, const char *name, char *path) {
  if (name[0] == '/') {
    snprintf(path, PATH_MAX, "%s", name);
    return true;
  }
  char base[PATH_MAX];
  if (folder == AT_FDCWD ? getcwd(base, sizeof base) == NULL : !path_of(folder, base)) return false;
  return snprintf(path, PATH_MAX, "%s/%s", base, name) < PATH_MAX;
}

// MARK: What can be undone

enum change_kind { BYTES, CREATED, FOLDER_CREATED, REMOVED, FOLDER_REMOVED, RENAMED };

struct change {
  enum change_kind kind;
  struct change *older;
  // BYTES: the file, through a descriptor of our own, and what stood there before.
  int file;
  ino_t inode;
  off_t offset;
  off_t old_size;
  size_t length;
  char *bytes;
  // Names: of what was made, removed or renamed; the folder the name is in; where the removed or replaced file is kept.
  char path[PATH_MAX];
  char from[PATH_MAX];
  char kept[PATH_MAX];
  ino_t folder;
};

static struct change *newest;
static long kept_files;

static ino_t inode_of(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

static ino_t inode_of_parent(const char *path) {
  char parent[PATH_MAX];
  snprintf(parent, sizeof parent, "%s", path);
  char *slash = strrchr(parent, '/');
  if (slash) *slash = 0;
  struct stat status;
  return stat(parent, &status) == 0 ? status.st_ino : 0;
}

static struct change *remember(enum change_kind kind) {
  struct change *change = calloc(1, sizeof *change);
  change->kind = kind;
  change->file = -1;
  change->older = newest;
  newest = change;
  return change;
}

static void remember_bytes(int fd, off_t offset, size_t length) {
  if (mode != POWER_CUT_LOST) return;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int file = REAL(open)(link, O_RDWR | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) return;
  struct change *change = remember(BYTES);
  change->file = file;
  change->inode = status.st_ino;
  change->offset = offset;
  change->old_size = status.st_size;
  change->bytes = malloc(length ? length : 1);
  ssize_t got = pread(file, change->bytes, length, offset);
  change->length = got > 0 ? (size_t)got : 0;
}

// A name that is about to go keeps its file under another one.
static void keep(struct change *change, const char *path) {
  snprintf(change->kept, sizeof change->kept, "%.4000s/%ld", undo_folder, kept_files++);
  if (link(path, change->kept) != 0) change->kept[0] = 0;
}

static void remember_name(enum change_kind kind, const char *path, const char *from) {
  if (mode != POWER_CUT_LOST) return;
  struct change *change = remember(kind);
  snprintf(change->path, sizeof change->path, "%s", path);
  if (from) snprintf(change->from, sizeof change->from, "%s", from);
  change->folder = inode_of_parent(path);
  if (kind == REMOVED || kind == RENAMED) keep(change, path);
}

// The call did not happen after all.
static void forget(struct change *before) {
  if (newest == before) return;
  struct change *change = newest;
  newest = change->older;
  if (change->kept[0]) REAL(unlink)(change->kept);
  free(change);
}

static void forced(int fd) {
  ino_t inode = inode_of(fd);
  for (struct change **place = &newest; *place;) {
    struct change *change = *place;
    if (change->kind == BYTES ? change->inode == inode : change->folder == inode) {
      *place = change->older;
      if (change->file >= 0) REAL(close)(change->file);
      free(change->bytes);
      free(change);
    } else {
      place = &change->older;
    }
  }
}

static void undo_all(void) {
  for (struct change *change = newest; change; change = change->older) {
    switch (change->kind) {
      case BYTES:
        if (change->length) REAL(pwrite)(change->file, change->bytes, change->length, change->offset);
        if (REAL(ftruncate)(change->file, change->old_size)) {}
        break;
      case CREATED: REAL(unlink)(change->path); break;
      case FOLDER_CREATED: REAL(rmdir)(change->path); break;
      case REMOVED:
        if (change->kept[0]) REAL(rename)(change->kept, change->path);
        break;
      case FOLDER_REMOVED: REAL(mkdir)(change->path, 0755); break;
      case RENAMED:
        REAL(rename)(change->path, change->from);
        if (change->kept[0]) REAL(rename)(change->kept, change->path);
        break;
    }
  }
}

// MARK: The moment

// Counts a call. Returns whether it is the chosen one and its first half is still to be done.
static bool is_the_moment(void) {
  count += 1;
  if (mode == POWER_CUT_FULL) {
    if (count == cut_at) is_full = true;
    return false;
  }
  if (mode == POWER_CUT_NEVER || count != cut_at) return false;
  if (mode == POWER_CUT_TORN) return true;
  if (mode == POWER_CUT_LOST) undo_all();
  end();
  return false;
}

void power_cut_arm(const char *folder, const char *undo, long at, enum power_cut_mode wanted) {
  snprintf(root, sizeof root, "%s", folder);
  snprintf(undo_folder, sizeof undo_folder, "%s", undo);
  root_length = strlen(root);
  cut_at = at;
  mode = wanted;
  armed = true;
}

long power_cut_count(void) {
  pthread_mutex_lock(&lock);
  long result = count;
  pthread_mutex_unlock(&lock);
  return result;
}

void power_cut_room(void) {
  pthread_mutex_lock(&lock);
  is_full = false;
  cut_at = 0;
  pthread_mutex_unlock(&lock);
}

// MARK: Bytes

static ssize_t write_bytes(int fd, const void *bytes, size_t length, off_t offset, bool at_offset) {
  if (!is_watched(fd)) {
    return at_offset ? REAL(pwrite)(fd, bytes, length, offset) : REAL(write)(fd, bytes, length);
  }
  pthread_mutex_lock(&lock);
  bool torn = is_the_moment();
  if (is_full) {
    pthread_mutex_unlock(&lock);
    errno = ENOSPC;
    return -1;
  }
  off_t place = at_offset ? offset : lseek(fd, 0, SEEK_CUR);
  remember_bytes(fd, place, length);
  size_t part = torn ? length / 2 : length;
  ssize_t result =
      at_offset ? REAL(pwrite)(fd, bytes, part, offset) : REAL(write)(fd, bytes, part);
  if (torn) end();
  pthread_mutex_unlock(&lock);
  return result;
}

ssize_t write(int fd, const void *bytes, size_t length) { return write_bytes(fd, bytes, length, 0, false); }

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return write_bytes(fd, bytes, length, offset, true);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  return write_bytes(fd, bytes, length, offset, true);
}

ssize_t writev(int fd, const struct iovec *pieces, int number) {
  ssize_t total = 0;
  for (int index = 0; index < number; index++) {
    ssize_t result = write_bytes(fd, pieces[index].iov_base, pieces[index].iov_len, 0, false);
    if (result < 0) return total ? total : result;
    total += result;
    if ((size_t)result < pieces[index].iov_len) break;
  }
  return total;
}

static int set_length(int fd, off_t length) {
  if (!is_watched(fd)) return REAL(ftruncate)(fd, length);
  pthread_mutex_lock(&lock);
  bool torn = is_the_moment();
  struct stat status;
  if (fstat(fd, &status) == 0) {
    off_t less = length < status.st_size ? status.st_size - length : 0;
    remember_bytes(fd, length < status.st_size ? length : status.st_size, (size_t)less);
  }
  int result = REAL(ftruncate)(fd, length);
  if (torn) end();
  pthread_mutex_unlock(&lock);
  return result;
}

int ftruncate(int fd, off_t length) { return set_length(fd, length); }
int ftruncate64(int fd, off64_t length) { return set_length(fd, length); }

static int force(int fd, bool data_only) {
  if (!is_watched(fd)) return data_only ? REAL(fdatasync)(fd) : REAL(fsync)(fd);
  pthread_mutex_lock(&lock);
  bool torn = is_the_moment();
  // The page cache stands in for the disk; what was forced is no longer undone.
  forced(fd);
  if (torn) end();
  pthread_mutex_unlock(&lock);
  return 0;
}

int fsync(int fd) { return force(fd, false); }
int fdatasync(int fd) { return force(fd, true); }

// MARK: Names

static int open_file(int folder, const char *name, int flags, mode_t permissions) {
  char path[PATH_MAX];
  if (!armed || !(flags & (O_CREAT | O_TRUNC)) || !full_path(folder, name, path) || !is_below(path)) {
    return REAL(openat)(folder, name, flags, permissions);
  }
  pthread_mutex_lock(&lock);
  bool exists = access(path, F_OK) == 0;
  bool torn = !exists && is_the_moment();
  int fd = REAL(openat)(folder, name, flags, permissions);
  if (fd >= 0 && !exists) remember_name(CREATED, path, NULL);
  if (torn) end();
  pthread_mutex_unlock(&lock);
  return fd;
}

#define PERMISSIONS(flags)                                  \
  mode_t permissions = 0;                                   \
  if ((flags) & (O_CREAT | O_TMPFILE)) {                    \
    va_list arguments;                                      \
    va_start(arguments, flags);                             \
    permissions = (mode_t)va_arg(arguments, unsigned int);  \
    va_end(arguments);                                      \
  }

int open(const char *name, int flags, ...) {
  PERMISSIONS(flags)
  return open_file(AT_FDCWD, name, flags, permissions);
}

int open64(const char *name, int flags, ...) {
  PERMISSIONS(flags)
  return open_file(AT_FDCWD, name, flags, permissions);
}

int openat(int folder, const char *name, int flags, ...) {
  PERMISSIONS(flags)
  return open_file(folder, name, flags, permissions);
}

int openat64(int folder, const char *name, int flags, ...) {
  PERMISSIONS(flags)
  return open_file(folder, name, flags, permissions);
}

static int rename_file(int from_folder, const char *from, int to_folder, const char *to, unsigned int flags) {
  char source[PATH_MAX], target[PATH_MAX];
  if (!armed || !full_path(from_folder, from, source) || !full_path(to_folder, to, target) || !is_below(target)) {
    return REAL(renameat2)(from_folder, from, to_folder, to, flags);
  }
  pthread_mutex_lock(&lock);
  bool torn = is_the_moment();
  struct change *before = newest;
  remember_name(RENAMED, target, source);
  int result = REAL(renameat2)(from_folder, from, to_folder, to, flags);
  if (result != 0) forget(before);
  if (torn) end();
  pthread_mutex_unlock(&lock);
  return result;
}

int rename(const char *from, const char *to) { return rename_file(AT_FDCWD, from, AT_FDCWD, to, 0); }

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  return rename_file(from_folder, from, to_folder, to, 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned int flags) {
  return rename_file(from_folder, from, to_folder, to, flags);
}

static int remove_name(int folder, const char *name, int flags) {
  char path[PATH_MAX];
  if (!armed || !full_path(folder, name, path) || !is_below(path) || faccessat(folder, name, F_OK, 0) != 0) {
    return REAL(unlinkat)(folder, name, flags);
  }
  pthread_mutex_lock(&lock);
  bool torn = is_the_moment();
  struct change *before = newest;
  remember_name(flags & AT_REMOVEDIR ? FOLDER_REMOVED : REMOVED, path, NULL);
  int result = REAL(unlinkat)(folder, name, flags);
  if (result != 0) forget(before);
  if (torn) end();
  pthread_mutex_unlock(&lock);
  return result;
}

int unlink(const char *name) { return remove_name(AT_FDCWD, name, 0); }
int unlinkat(int folder, const char *name, int flags) { return remove_name(folder, name, flags); }
int remove(const char *name) { return unlink(name) == 0 ? 0 : errno == EISDIR ? rmdir(name) : -1; }
int rmdir(const char *name) { return remove_name(AT_FDCWD, name, AT_REMOVEDIR); }

int mkdir(const char *name, mode_t permissions) {
  char path[PATH_MAX];
  if (!armed || !full_path(AT_FDCWD, name, path) || !is_below(path) || access(path, F_OK) == 0) {
    return REAL(mkdir)(name, permissions);
  }
  pthread_mutex_lock(&lock);
  bool torn = is_the_moment();
  int result = REAL(mkdir)(name, permissions);
  if (result == 0) remember_name(FOLDER_CREATED, path, NULL);
  if (torn) end();
  pthread_mutex_unlock(&lock);
  return result;
}
