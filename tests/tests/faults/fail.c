/* A library for LD_PRELOAD that makes one kind of system call fail, as a disk does that reports an
 * error. Only calls on files whose path holds FAIL_PATH count.
 *
 *   FAIL_CALL   sync: one sync fails; write: every write fails from then on
 *   FAIL_AT     at the sync of this number, from 1
 *   FAIL_ERRNO  with this error
 *
 * A sync that fails leaves the file as the sync before left it, where that was of the same file: the
 * kernel may drop what it could not write. Syncs go through the C library and are replaced here.
 * Writes do not, so the kernel is told by a seccomp filter to refuse them after that sync. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;
/* A file as its last sync left it. */
static struct stat kept;
static char *content;

static long number(const char *name) {
  const char *text = getenv(name);
  return text ? atol(text) : 0;
}

static int counts(int fd) {
  char link[64], path[4096];
  const char *part = getenv("FAIL_PATH");
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0 || !part) return 0;
  path[length] = 0;
  return strstr(path, part) != NULL;
}

static void refuse_writes(long error) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwritev, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwritev2, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program)) {
    perror("the preload library cannot install its filter");
    _exit(97);
  }
}

/* Keeps what a file holds, or puts back what was kept of it. */
static void keep(int fd) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  /* The program may have opened it for writing alone. */
  int readable = open(link, O_RDONLY | O_CLOEXEC);
  if (fstat(fd, &kept) || !(content = malloc((size_t)kept.st_size + 1))) _exit(97);
  if (pread(readable, content, (size_t)kept.st_size, 0) != kept.st_size) _exit(97);
  close(readable);
}

static void put_back(int fd) {
  struct stat now;
  if (!content || fstat(fd, &now) || now.st_ino != kept.st_ino) return;
  if (pwrite(fd, content, (size_t)kept.st_size, 0) != kept.st_size) _exit(97);
}

static int sync_by(long call, int fd) {
  const char *kind = getenv("FAIL_CALL");
  if (!kind || !counts(fd)) return (int)syscall(call, fd);
  long left = number("FAIL_AT") - atomic_fetch_add(&calls, 1) - 1;
  int is_sync = !strcmp(kind, "sync");
  if (is_sync && left == 0) {
    put_back(fd);
    errno = (int)number("FAIL_ERRNO");
    return -1;
  }
  int result = (int)syscall(call, fd);
  if (is_sync && left == 1) keep(fd);
  if (!is_sync && left == 0) refuse_writes(number("FAIL_ERRNO"));
  return result;
}

int fsync(int fd) { return sync_by(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_by(SYS_fdatasync, fd); }
