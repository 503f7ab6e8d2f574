/*
 * Writes down, in order, what a program does to the files of one folder: every write with its bytes, every truncation, every sync that came
 * back. From that the folder can be rebuilt as a power failure at any moment may leave it (src/power/disk.ts).
 *
 *   cc -shared -fPIC -O2 -o journal.so journal.c -ldl -lpthread
 *   LD_PRELOAD=journal.so POWER_FOLDER=/data POWER_WITNESS=/log POWER_JOURNAL=/journal program
 *
 * What the program appends to the witness file is written down in the same order: by that it says what it has acknowledged.
 * Changes through memory maps cannot be seen; a sync of one is written down, so that the reader can refuse.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* The functions below are defined under both their names; the headers' declarations of those with 64 in them are the same on Linux. */

enum { OP_WRITE = 1, OP_TRUNCATE, OP_SYNC, OP_WITNESS, OP_UNLINK, OP_RENAME, OP_SYNC_ALL, OP_UNSEEN };
enum { DURABLE = 1 };

struct record {
  uint8_t type;
  uint8_t flags;
  uint16_t path_bytes;
  uint32_t data_bytes;
  /* Of a write: where; of a truncation: the size; of a sync: how many records there were when it began. */
  uint64_t number;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_bytes;
static char witness[PATH_MAX];
static int journal = -1;
static uint64_t records;

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (real == NULL) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  const char *where = getenv("POWER_FOLDER"), *log = getenv("POWER_WITNESS"), *path = getenv("POWER_JOURNAL");
  if (where == NULL || log == NULL || path == NULL) return;
  if (realpath(where, folder) == NULL || realpath(log, witness) == NULL) {
    fprintf(stderr, "power: the folder and the witness must be there\n");
    abort();
  }
  folder_bytes = strlen(folder);
  journal = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (journal < 0) abort();
  /* Processes that this one starts are not of the matter. */
  unsetenv("LD_PRELOAD");
  unsetenv("POWER_FOLDER");
  unsetenv("POWER_WITNESS");
  unsetenv("POWER_JOURNAL");
}

static void put(const void *bytes, size_t count) {
  const char *from = bytes;
  while (count > 0) {
    long done = syscall(SYS_write, journal, from, count);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) abort();
    from += done;
    count -= (size_t)done;
  }
}

/* Called with the lock held. */
static void note(int type, int flags, const char *path, uint64_t number, const struct iovec *data, int pieces, size_t bytes) {
  struct record record = {.type = (uint8_t)type, .flags = (uint8_t)flags, .path_bytes = (uint16_t)strlen(path),
                          .data_bytes = (uint32_t)bytes, .number = number};
  int kept = errno;
  put(&record, sizeof record);
  put(path, record.path_bytes);
  for (int i = 0; i < pieces && bytes > 0; i++) {
    size_t part = data[i].iov_len < bytes ? data[i].iov_len : bytes;
    put(data[i].iov_base, part);
    bytes -= part;
  }
  records += 1;
  errno = kept;
}

enum { NOTHING, OF_FOLDER, OF_WITNESS };

static int place(const char *full, char *path) {
  if (strcmp(full, witness) == 0) {
    path[0] = 0;
    return OF_WITNESS;
  }
  if (strncmp(full, folder, folder_bytes) != 0) return NOTHING;
  if (full[folder_bytes] == 0) {
    path[0] = 0;
    return OF_FOLDER;
  }
  if (full[folder_bytes] != '/') return NOTHING;
  strcpy(path, full + folder_bytes + 1);
  return OF_FOLDER;
}

/* Asked each time: a number of a file may be given back and taken again behind our back. */
static int of(int fd, char *path) {
  char link[64], full[PATH_MAX];
  int kept = errno;
  if (journal < 0 || fd == journal) return NOTHING;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t bytes = readlink(link, full, sizeof full - 1);
  errno = kept;
  if (bytes <= 0 || full[0] != '/') return NOTHING;
  full[bytes] = 0;
  return place(full, path);
}

static int of_path(int at, const char *name, char *path) {
  char full[PATH_MAX * 2], base[PATH_MAX];
  int kept = errno;
  if (journal < 0) return NOTHING;
  if (name[0] == '/' || at == AT_FDCWD) {
    const char *slash = strrchr(name, '/');
    if (slash == NULL) snprintf(base, sizeof base, ".");
    else snprintf(base, sizeof base, "%.*s", (int)(slash == name ? 1 : slash - name), name);
    char real_base[PATH_MAX];
    char *found = realpath(base, real_base);
    errno = kept;
    if (found == NULL) return NOTHING;
    snprintf(full, sizeof full, "%s/%s", real_base, slash == NULL ? name : slash + 1);
    return place(full, path);
  }
  char directory[PATH_MAX];
  if (of(at, directory) != OF_FOLDER) return NOTHING;
  if (snprintf(path, PATH_MAX, "%s%s%s", directory, directory[0] == 0 ? "" : "/", name) >= PATH_MAX) return NOTHING;
  return OF_FOLDER;
}

static int durable(int fd) {
  int kept = errno;
  int flags = fcntl(fd, F_GETFL);
  errno = kept;
  return flags >= 0 && (flags & O_DSYNC) != 0 ? DURABLE : 0;
}

/* Must be called with the lock held, after a write that came back with `done`. */
static void wrote(int fd, int where, const char *path, const struct iovec *data, int pieces, ssize_t done, off_t at, int synced) {
  if (done <= 0) return;
  if (where == OF_WITNESS) note(OP_WITNESS, 0, "", 0, data, pieces, (size_t)done);
  else note(OP_WRITE, synced | durable(fd), path, (uint64_t)at, data, pieces, (size_t)done);
}

static off_t position(int fd, ssize_t done) {
  int kept = errno;
  off_t now = lseek(fd, 0, SEEK_CUR);
  errno = kept;
  return now - (done > 0 ? done : 0);
}

#define WRITE(call, data, pieces, at, synced) \
  char path[PATH_MAX]; \
  int where = of(fd, path); \
  if (where == NOTHING) return call; \
  pthread_mutex_lock(&lock); \
  ssize_t done = call; \
  wrote(fd, where, path, data, pieces, done, at, synced); \
  pthread_mutex_unlock(&lock); \
  return done

ssize_t write(int fd, const void *bytes, size_t count) {
  REAL(ssize_t, write, int, const void *, size_t);
  struct iovec one = {(void *)bytes, count};
  WRITE(real(fd, bytes, count), &one, 1, position(fd, done), 0);
}

ssize_t writev(int fd, const struct iovec *data, int pieces) {
  REAL(ssize_t, writev, int, const struct iovec *, int);
  WRITE(real(fd, data, pieces), data, pieces, position(fd, done), 0);
}

#define PWRITE(name) \
  ssize_t name(int fd, const void *bytes, size_t count, off_t at) { \
    REAL(ssize_t, name, int, const void *, size_t, off_t); \
    struct iovec one = {(void *)bytes, count}; \
    WRITE(real(fd, bytes, count, at), &one, 1, at, 0); \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

#define PWRITEV(name) \
  ssize_t name(int fd, const struct iovec *data, int pieces, off_t at) { \
    REAL(ssize_t, name, int, const struct iovec *, int, off_t); \
    WRITE(real(fd, data, pieces, at), data, pieces, at, 0); \
  }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define PWRITEV2(name) \
  ssize_t name(int fd, const struct iovec *data, int pieces, off_t at, int flags) { \
    REAL(ssize_t, name, int, const struct iovec *, int, off_t, int); \
    WRITE(real(fd, data, pieces, at, flags), data, pieces, at == -1 ? position(fd, done) : at, (flags & RWF_DSYNC) ? DURABLE : 0); \
  }
PWRITEV2(pwritev2)
PWRITEV2(pwritev64v2)

#define TRUNCATE(name) \
  int name(int fd, off_t size) { \
    REAL(int, name, int, off_t); \
    char path[PATH_MAX]; \
    if (of(fd, path) != OF_FOLDER) return real(fd, size); \
    pthread_mutex_lock(&lock); \
    int failed = real(fd, size); \
    if (failed == 0) note(OP_TRUNCATE, 0, path, (uint64_t)size, NULL, 0, 0); \
    pthread_mutex_unlock(&lock); \
    return failed; \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

/* Space that is given beforehand shows only where it makes the file longer; holes that are punched are beyond this. */
static void allocated(int fd, const char *path, int mode) {
  struct stat now;
  if (mode != 0) note(OP_UNSEEN, 0, path, 0, NULL, 0, 0);
  else if (fstat(fd, &now) == 0) note(OP_TRUNCATE, 0, path, (uint64_t)now.st_size, NULL, 0, 0);
}

#define ALLOCATE(name, parameters, call, mode, ...) \
  int name parameters { \
    REAL(int, name, __VA_ARGS__); \
    char path[PATH_MAX]; \
    if (of(fd, path) != OF_FOLDER) return real call; \
    pthread_mutex_lock(&lock); \
    int failed = real call; \
    if (failed == 0) allocated(fd, path, mode); \
    pthread_mutex_unlock(&lock); \
    return failed; \
  }
ALLOCATE(fallocate, (int fd, int mode, off_t at, off_t count), (fd, mode, at, count), mode, int, int, off_t, off_t)
ALLOCATE(fallocate64, (int fd, int mode, off_t at, off_t count), (fd, mode, at, count), mode, int, int, off_t, off_t)
ALLOCATE(posix_fallocate, (int fd, off_t at, off_t count), (fd, at, count), 0, int, off_t, off_t)
ALLOCATE(posix_fallocate64, (int fd, off_t at, off_t count), (fd, at, count), 0, int, off_t, off_t)

/* What was written before a sync began is on the disk when it comes back; what was written meanwhile may be. */
static uint64_t records_now(void) {
  pthread_mutex_lock(&lock);
  uint64_t now = records;
  pthread_mutex_unlock(&lock);
  return now;
}

static void synced(int type, const char *path, uint64_t before) {
  pthread_mutex_lock(&lock);
  note(type, 0, path, before, NULL, 0, 0);
  pthread_mutex_unlock(&lock);
}

#define SYNC(name) \
  int name(int fd) { \
    REAL(int, name, int); \
    char path[PATH_MAX]; \
    int where = of(fd, path); \
    uint64_t before = records_now(); \
    int failed = real(fd); \
    if (failed == 0 && where == OF_FOLDER) synced(OP_SYNC, path, before); \
    return failed; \
  }
SYNC(fsync)
SYNC(fdatasync)

int syncfs(int fd) {
  REAL(int, syncfs, int);
  char path[PATH_MAX];
  int where = of(fd, path);
  uint64_t before = records_now();
  int failed = real(fd);
  if (failed == 0 && where == OF_FOLDER) synced(OP_SYNC_ALL, "", before);
  return failed;
}

void sync(void) {
  REAL(void, sync, void);
  uint64_t before = records_now();
  real();
  if (journal >= 0) synced(OP_SYNC_ALL, "", before);
}

/* sync_file_range is left out on purpose: it promises nothing about a power failure. */

int msync(void *from, size_t count, int flags) {
  REAL(int, msync, void *, size_t, int);
  int failed = real(from, count, flags);
  if (failed == 0 && journal >= 0) synced(OP_UNSEEN, "msync", 0);
  return failed;
}

#define OPENED(call) \
  int fd = call; \
  char path[PATH_MAX]; \
  if (fd >= 0 && (flags & O_TRUNC) != 0 && of(fd, path) == OF_FOLDER) { \
    pthread_mutex_lock(&lock); \
    note(OP_TRUNCATE, 0, path, 0, NULL, 0, 0); \
    pthread_mutex_unlock(&lock); \
  } \
  return fd

#define MODE \
  mode_t mode = 0; \
  if ((flags & (O_CREAT | O_TMPFILE)) != 0) { \
    va_list more; \
    va_start(more, flags); \
    mode = va_arg(more, mode_t); \
    va_end(more); \
  }

#define OPEN(name) \
  int name(const char *file, int flags, ...) { \
    REAL(int, name, const char *, int, ...); \
    MODE \
    OPENED(real(file, flags, mode)); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
  int name(int at, const char *file, int flags, ...) { \
    REAL(int, name, int, const char *, int, ...); \
    MODE \
    OPENED(real(at, file, flags, mode)); \
  }
OPENAT(openat)
OPENAT(openat64)

int unlinkat(int at, const char *name, int flags) {
  REAL(int, unlinkat, int, const char *, int);
  char path[PATH_MAX];
  int where = of_path(at, name, path);
  if (where != OF_FOLDER) return real(at, name, flags);
  pthread_mutex_lock(&lock);
  int failed = real(at, name, flags);
  if (failed == 0) note(OP_UNLINK, 0, path, 0, NULL, 0, 0);
  pthread_mutex_unlock(&lock);
  return failed;
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }

int renameat(int from_at, const char *from, int to_at, const char *to) {
  REAL(int, renameat, int, const char *, int, const char *);
  char path[PATH_MAX], target[PATH_MAX];
  int where = of_path(from_at, from, path), there = of_path(to_at, to, target);
  if (where != OF_FOLDER && there != OF_FOLDER) return real(from_at, from, to_at, to);
  pthread_mutex_lock(&lock);
  int failed = real(from_at, from, to_at, to);
  struct iovec name = {target, strlen(target)};
  if (failed == 0 && where == OF_FOLDER && there == OF_FOLDER) note(OP_RENAME, 0, path, 0, &name, 1, name.iov_len);
  /* A file that comes from elsewhere comes with bytes that were not seen. */
  else if (failed == 0) note(where == OF_FOLDER ? OP_UNLINK : OP_UNSEEN, 0, where == OF_FOLDER ? path : target, 0, NULL, 0, 0);
  pthread_mutex_unlock(&lock);
  return failed;
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }
