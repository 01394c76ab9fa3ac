/*
 * Records what a process does to the files under one directory: preloaded (LD_PRELOAD), it stands in front of the C
 * library's calls, carries each out by a raw system call, and appends one record with the data to a trace file.
 *
 *   CRASH_ROOT     the directory that is watched (must exist)
 *   CRASH_TRACE    the trace file, outside of it; several processes may append to one
 *   CRASH_MARKS    a file outside of it: what is written to it becomes a mark in the trace, in order with the rest
 *   CRASH_SYNC_US  microseconds that every sync takes longer, so that more is written while one runs
 *   CRASH_FAIL_SYNC  the number (from 1) of the sync that fails with EIO, and all after it
 *
 * A write is recorded when it is done and before the call returns; a sync has a record before and one after. So whatever
 * a thread knows to have happened stands in the trace before what it does next. trace.ts reads the format.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { OPEN = 1, WRITE, TRUNCATE, ALLOCATE, RENAME, UNLINK, MAKE_DIRECTORY, SYNC_BEGIN, SYNC_END, MARK, MAPPED, UNSEEN };
enum flag { CREATED = 1, DIRECTORY = 2, DURABLE = 4, TRUNCATED = 8, FAILED = 16 };

struct header {
  uint32_t magic, kind;
  uint64_t inode;
  int64_t a, b;
  uint32_t flags, path_bytes, path2_bytes, data_bytes;
};

static char root[PATH_MAX], marks[PATH_MAX];
static size_t root_length;
static int trace_fd = -1;
static long sync_us, fail_sync, syncs, tokens;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* What is known of a descriptor; checked against its inode before use, for not every close passes by here. */
enum { FD_MAX = 4096 };
static struct { char watched, mark, durable; ino_t inode; dev_t device; } known[FD_MAX];

__attribute__((constructor)) static void begin(void) {
  const char *r = getenv("CRASH_ROOT"), *t = getenv("CRASH_TRACE"), *m = getenv("CRASH_MARKS");
  if (!r || !t || !realpath(r, root)) return;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, t, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) abort();
  trace_fd = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 1000);
  if (trace_fd < 0) trace_fd = fd;
  else syscall(SYS_close, fd);
  if (m) {
    int made = (int)syscall(SYS_openat, AT_FDCWD, m, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (made < 0 || !realpath(m, marks)) abort();
    syscall(SYS_close, made);
  }
  if (getenv("CRASH_SYNC_US")) sync_us = atol(getenv("CRASH_SYNC_US"));
  if (getenv("CRASH_FAIL_SYNC")) fail_sync = atol(getenv("CRASH_FAIL_SYNC"));
  root_length = strlen(root);
}

static int under_root(const char *path) {
  return root_length && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

/* A record that could not be written would make a crash image that never was: better no process at all. */
static void record(enum kind kind, uint64_t inode, int64_t a, int64_t b, uint32_t flags, const char *path, const char *path2,
                   const struct iovec *data, int parts, size_t bytes) {
  int before = errno;
  struct header h = {0x31545243, kind, inode, a, b, flags, path ? strlen(path) : 0, path2 ? strlen(path2) : 0, bytes};
  size_t total = sizeof h + h.path_bytes + h.path2_bytes + bytes, at = sizeof h;
  char *all = malloc(total);
  if (!all) abort();
  memcpy(all, &h, sizeof h);
  if (path) memcpy(all + at, path, h.path_bytes);
  at += h.path_bytes;
  if (path2) memcpy(all + at, path2, h.path2_bytes);
  at += h.path2_bytes;
  for (int i = 0; i < parts && at < total; i++) {
    size_t part = data[i].iov_len < total - at ? data[i].iov_len : total - at;
    memcpy(all + at, data[i].iov_base, part);
    at += part;
  }
  pthread_mutex_lock(&lock);
  if (syscall(SYS_write, trace_fd, all, total) != (long)total) abort();
  pthread_mutex_unlock(&lock);
  free(all);
  errno = before;
}

static void note(enum kind kind, uint64_t inode, int64_t a, int64_t b, uint32_t flags) {
  record(kind, inode, a, b, flags, NULL, NULL, NULL, 0, 0);
}

/* The path with its directory resolved: what a name in a call means. */
static int resolve(int directory, const char *path, char *out) {
  char whole[PATH_MAX * 2], parent[PATH_MAX];
  if (!root_length) return 0;
  if (path[0] == '/') snprintf(whole, sizeof whole, "%s", path);
  else {
    char base[PATH_MAX], link[64];
    if (directory == AT_FDCWD) { if (!getcwd(base, sizeof base)) return 0; }
    else {
      snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
      ssize_t n = readlink(link, base, sizeof base - 1);
      if (n < 0) return 0;
      base[n] = 0;
    }
    snprintf(whole, sizeof whole, "%s/%s", base, path);
  }
  for (size_t n = strlen(whole); n > 1 && whole[n - 1] == '/'; n--) whole[n - 1] = 0;
  char *name = strrchr(whole, '/');
  *name++ = 0;
  if (!realpath(*whole ? whole : "/", parent)) return 0;
  return snprintf(out, PATH_MAX, "%s/%s", parent, name) < PATH_MAX && under_root(out);
}

static int watched(int fd) {
  struct stat s;
  if (fd < 0 || fd >= FD_MAX || !known[fd].watched) return 0;
  if (!fstat(fd, &s) && s.st_ino == known[fd].inode && s.st_dev == known[fd].device) return 1;
  known[fd].watched = 0;
  return 0;
}

static int do_open(int directory, const char *path, int flags, mode_t mode) {
  int existed = root_length && (flags & O_CREAT) ? !faccessat(directory, path, F_OK, 0) : 1;
  int fd = (int)syscall(SYS_openat, directory, path, flags, mode);
  if (fd < 0 || !root_length || fd >= FD_MAX || fd == trace_fd) return fd;
  int before = errno;
  char link[64], real[PATH_MAX];
  known[fd].watched = 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, real, sizeof real - 1);
  if (n > 0) {
    struct stat s;
    real[n] = 0;
    int mark = !strcmp(real, marks);
    if ((mark || under_root(real)) && !fstat(fd, &s) && (S_ISREG(s.st_mode) || S_ISDIR(s.st_mode))) {
      known[fd].watched = 1;
      known[fd].mark = mark;
      known[fd].durable = (flags & O_DSYNC) != 0; /* O_SYNC holds the bit of O_DSYNC */
      known[fd].inode = s.st_ino;
      known[fd].device = s.st_dev;
      if (!mark)
        record(OPEN, s.st_ino, 0, 0,
               (existed ? 0 : CREATED) | (S_ISDIR(s.st_mode) ? DIRECTORY : 0) | (flags & O_TRUNC && existed ? TRUNCATED : 0), real,
               NULL, NULL, 0, 0);
    }
  }
  errno = before;
  return fd;
}

#define OPENED(name, before, directory)                          \
  int name before {                                              \
    va_list rest;                                                \
    va_start(rest, flags);                                       \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                \
    return do_open(directory, path, flags, mode);                \
  }
OPENED(open, (const char *path, int flags, ...), AT_FDCWD)
OPENED(open64, (const char *path, int flags, ...), AT_FDCWD)
OPENED(openat, (int directory, const char *path, int flags, ...), directory)
OPENED(openat64, (int directory, const char *path, int flags, ...), directory)
int __open_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }
int __openat_2(int directory, const char *path, int flags) { return do_open(directory, path, flags, 0); }
int __openat64_2(int directory, const char *path, int flags) { return do_open(directory, path, flags, 0); }
int creat(const char *path, mode_t mode) { return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

static ssize_t wrote(int fd, ssize_t done, off_t offset, const struct iovec *data, int parts) {
  if (done <= 0 || !watched(fd)) return done;
  int before = errno;
  if (known[fd].mark) record(MARK, 0, 0, 0, 0, NULL, NULL, data, parts, done);
  else {
    /* Without an offset the file's own position says where it went (at the end, when it was opened to append). */
    if (offset < 0) offset = syscall(SYS_lseek, fd, 0, SEEK_CUR) - done;
    record(WRITE, known[fd].inode, offset, 0, known[fd].durable ? DURABLE : 0, NULL, NULL, data, parts, done);
  }
  errno = before;
  return done;
}

ssize_t write(int fd, const void *data, size_t bytes) {
  struct iovec one = {(void *)data, bytes};
  return wrote(fd, syscall(SYS_write, fd, data, bytes), -1, &one, 1);
}
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) {
  struct iovec one = {(void *)data, bytes};
  return wrote(fd, syscall(SYS_pwrite64, fd, data, bytes, offset), offset, &one, 1);
}
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) { return pwrite(fd, data, bytes, offset); }
ssize_t writev(int fd, const struct iovec *data, int parts) { return wrote(fd, syscall(SYS_writev, fd, data, parts), -1, data, parts); }
ssize_t pwritev(int fd, const struct iovec *data, int parts, off_t offset) {
  return wrote(fd, syscall(SYS_pwritev, fd, data, parts, offset, 0), offset, data, parts);
}
ssize_t pwritev64(int fd, const struct iovec *data, int parts, off64_t offset) { return pwritev(fd, data, parts, offset); }
ssize_t pwritev2(int fd, const struct iovec *data, int parts, off_t offset, int flags) {
  ssize_t done = wrote(fd, syscall(SYS_pwritev2, fd, data, parts, offset, 0, flags), offset, data, parts);
  if (done > 0 && flags && watched(fd)) note(UNSEEN, known[fd].inode, SYS_pwritev2, 0, 0);
  return done;
}
ssize_t pwritev64v2(int fd, const struct iovec *data, int parts, off64_t offset, int flags) { return pwritev2(fd, data, parts, offset, flags); }

/* Ways of changing a file that the images do not know: none of ours uses them, and the reader refuses a trace with one. */
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t bytes, unsigned flags) {
  if (watched(out)) note(UNSEEN, known[out].inode, SYS_copy_file_range, 0, 0);
  return syscall(SYS_copy_file_range, in, from, out, to, bytes, flags);
}
ssize_t sendfile(int out, int in, off_t *from, size_t bytes) {
  if (watched(out)) note(UNSEEN, known[out].inode, SYS_sendfile, 0, 0);
  return syscall(SYS_sendfile, out, in, from, bytes);
}
ssize_t sendfile64(int out, int in, off64_t *from, size_t bytes) { return sendfile(out, in, from, bytes); }
void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset) {
  if ((flags & MAP_SHARED) && (protection & PROT_WRITE) && watched(fd)) note(MAPPED, known[fd].inode, 0, 0, 0);
  return (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t bytes, int protection, int flags, int fd, off64_t offset) { return mmap(at, bytes, protection, flags, fd, offset); }

int ftruncate(int fd, off_t length) {
  int result = (int)syscall(SYS_ftruncate, fd, length);
  if (!result && watched(fd)) note(TRUNCATE, known[fd].inode, length, 0, 0);
  return result;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }
int fallocate(int fd, int mode, off_t offset, off_t length) {
  int result = (int)syscall(SYS_fallocate, fd, mode, offset, length);
  if (!result && watched(fd)) note(mode ? UNSEEN : ALLOCATE, known[fd].inode, offset, length, 0);
  return result;
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) { return fallocate(fd, mode, offset, length); }
int posix_fallocate(int fd, off_t offset, off_t length) { return fallocate(fd, 0, offset, length) ? errno : 0; }
int posix_fallocate64(int fd, off64_t offset, off64_t length) { return posix_fallocate(fd, offset, length); }

static int do_rename(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
  char a[PATH_MAX], b[PATH_MAX];
  int inside = resolve(from_directory, from, a) | resolve(to_directory, to, b) << 1;
  int result = (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);
  if (!result && inside) record(inside == 3 && !flags ? RENAME : UNSEEN, 0, 0, 0, 0, inside & 1 ? a : "", inside & 2 ? b : "", NULL, 0, 0);
  return result;
}
int rename(const char *from, const char *to) { return do_rename(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int fd, const char *from, int fd2, const char *to) { return do_rename(fd, from, fd2, to, 0); }
int renameat2(int fd, const char *from, int fd2, const char *to, unsigned flags) { return do_rename(fd, from, fd2, to, flags); }

int unlinkat(int directory, const char *path, int flags) {
  char real[PATH_MAX];
  int inside = resolve(directory, path, real);
  int result = (int)syscall(SYS_unlinkat, directory, path, flags);
  if (!result && inside) record(UNLINK, 0, 0, 0, 0, real, NULL, NULL, 0, 0);
  return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
  struct stat s;
  return unlinkat(AT_FDCWD, path, !fstatat(AT_FDCWD, path, &s, AT_SYMLINK_NOFOLLOW) && S_ISDIR(s.st_mode) ? AT_REMOVEDIR : 0);
}
int mkdirat(int directory, const char *path, mode_t mode) {
  char real[PATH_MAX];
  struct stat s;
  int inside = resolve(directory, path, real);
  int result = (int)syscall(SYS_mkdirat, directory, path, mode);
  if (!result && inside && !fstatat(AT_FDCWD, real, &s, 0)) record(MAKE_DIRECTORY, s.st_ino, 0, 0, 0, real, NULL, NULL, 0, 0);
  return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
int linkat(int fd, const char *from, int fd2, const char *to, int flags) {
  char real[PATH_MAX];
  if (resolve(fd2, to, real)) record(UNSEEN, 0, 0, 0, 0, real, NULL, NULL, 0, 0);
  return (int)syscall(SYS_linkat, fd, from, fd2, to, flags);
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

static int do_sync(int fd, long number) {
  if (!watched(fd) || known[fd].mark) return (int)syscall(number, fd);
  ino_t inode = known[fd].inode;
  long token = __atomic_add_fetch(&tokens, 1, __ATOMIC_SEQ_CST);
  note(SYNC_BEGIN, inode, token, getpid(), 0);
  int failing = fail_sync && __atomic_add_fetch(&syncs, 1, __ATOMIC_SEQ_CST) >= fail_sync;
  if (sync_us) nanosleep(&(struct timespec){sync_us / 1000000, sync_us % 1000000 * 1000}, NULL);
  int result = failing ? -1 : (int)syscall(number, fd);
  if (failing) errno = EIO;
  note(SYNC_END, inode, token, getpid(), result ? FAILED : 0);
  return result;
}
int fsync(int fd) { return do_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return do_sync(fd, SYS_fdatasync); }
