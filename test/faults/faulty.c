/*
 * Makes a process fail at one call to its disk: preloaded (LD_PRELOAD), it stands in front of the C library's calls that change
 * files, and does nothing until it is armed. Then the n-th call of the chosen kinds on a path that matches kills the process
 * (before the call is carried out, or after), or fails.
 *
 *   FAULTY_CONTROL  a file of one struct control, shared with the test, which arms it while the process runs (faulty.ts)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { WRITE = 1, SYNC = 2, RENAME = 4, UNLINK = 8, TRUNCATE = 16, MAKE_DIRECTORY = 32 };
enum action { KILL_BEFORE = 1, KILL_AFTER = 2, FAIL = 3, SLOW = 4 };

struct control {
  uint32_t armed;   /* written last by the test */
  uint32_t kinds;   /* of enum kind */
  uint32_t action;  /* of enum action; FAIL and SLOW hold from the n-th call on */
  uint32_t number;  /* n, from 1 */
  uint32_t error;   /* of FAIL: an errno */
  uint32_t micros;  /* of SLOW */
  uint32_t matched; /* calls that matched so far */
  uint32_t done;    /* calls that were killed, failed or slowed down */
  uint32_t begun;   /* a call of any kind has matched the prelude */
  char pattern[240]; /* fnmatch, of the whole path */
  char prelude[236]; /* nothing counts before a call on such a path has come by; empty: from the start */
};

static struct control *control;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAULTY_CONTROL");
  if (!path) return;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
  if (fd < 0) abort();
  void *at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) abort();
  syscall(SYS_close, fd);
  control = at;
}

static void die(void) {
  /* No handler, no flush: as if by kill -9 from outside, at this very call. */
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

/* What is to be done at this call: 0, or an action. A call with KILL_BEFORE does not return. */
static enum action at_call(enum kind kind, const char *path) {
  if (!control || !__atomic_load_n(&control->armed, __ATOMIC_ACQUIRE)) return 0;
  if (control->prelude[0] && !__atomic_load_n(&control->begun, __ATOMIC_ACQUIRE)) {
    if (!fnmatch(control->prelude, path, 0)) __atomic_store_n(&control->begun, 1, __ATOMIC_RELEASE);
    return 0;
  }
  if (!(control->kinds & kind)) return 0;
  if (fnmatch(control->pattern, path, 0)) return 0;
  uint32_t n = __atomic_add_fetch(&control->matched, 1, __ATOMIC_SEQ_CST);
  int once = control->action == KILL_BEFORE || control->action == KILL_AFTER;
  if (once ? n != control->number : n < control->number) return 0;
  __atomic_add_fetch(&control->done, 1, __ATOMIC_SEQ_CST);
  if (control->action == KILL_BEFORE) die();
  if (control->action == SLOW) nanosleep(&(struct timespec){control->micros / 1000000, control->micros % 1000000 * 1000}, NULL);
  return control->action;
}

static enum action at_file(enum kind kind, int fd) {
  if (!control || !__atomic_load_n(&control->armed, __ATOMIC_ACQUIRE)) return 0;
  char link[64], path[PATH_MAX];
  int before = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  errno = before;
  if (n <= 0 || path[0] != '/') return 0;
  path[n] = 0;
  return at_call(kind, path);
}

#define CARRIED_OUT(type, action, call)             \
  if ((action) == FAIL) {                           \
    errno = (int)control->error;                    \
    return -1;                                      \
  }                                                 \
  type result = (type)(call);                       \
  if ((action) == KILL_AFTER) die();                \
  return result

#define ON_FILE(type, kind, fd, call)               \
  enum action action = at_file(kind, fd);           \
  CARRIED_OUT(type, action, call)

#define ON_PATH(kind, path, call)                   \
  enum action action = at_call(kind, path);         \
  CARRIED_OUT(int, action, call)

ssize_t write(int fd, const void *data, size_t bytes) { ON_FILE(ssize_t, WRITE, fd, syscall(SYS_write, fd, data, bytes)); }
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) {
  ON_FILE(ssize_t, WRITE, fd, syscall(SYS_pwrite64, fd, data, bytes, offset));
}
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) { return pwrite(fd, data, bytes, offset); }
ssize_t writev(int fd, const struct iovec *data, int parts) {
  ON_FILE(ssize_t, WRITE, fd, syscall(SYS_writev, fd, data, parts));
}
ssize_t pwritev(int fd, const struct iovec *data, int parts, off_t offset) {
  ON_FILE(ssize_t, WRITE, fd, syscall(SYS_pwritev, fd, data, parts, offset, 0));
}
ssize_t pwritev64(int fd, const struct iovec *data, int parts, off64_t offset) { return pwritev(fd, data, parts, offset); }

int fsync(int fd) { ON_FILE(int, SYNC, fd, syscall(SYS_fsync, fd)); }
int fdatasync(int fd) { ON_FILE(int, SYNC, fd, syscall(SYS_fdatasync, fd)); }
int ftruncate(int fd, off_t length) { ON_FILE(int, TRUNCATE, fd, syscall(SYS_ftruncate, fd, length)); }
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

/* A rename is known by the name that comes of it. All of ours are absolute. */
int rename(const char *from, const char *to) {
  ON_PATH(RENAME, to, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int unlink(const char *path) { ON_PATH(UNLINK, path, syscall(SYS_unlinkat, AT_FDCWD, path, 0)); }
int rmdir(const char *path) { ON_PATH(UNLINK, path, syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR)); }
int mkdir(const char *path, mode_t mode) { ON_PATH(MAKE_DIRECTORY, path, syscall(SYS_mkdirat, AT_FDCWD, path, mode)); }
