/* Files: whole reads, atomic writes, paths. */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Up to `most` bytes; beyond BASE_FILE_LIMIT it is an error that there are more. */
static int read_all(Arena *arena, int fd, size_t most, char **text, size_t *len)
{
    Sb sb = base_sb(arena);
    struct stat st;
    if (fstat(fd, &st) != 0) return errno;
    if (S_ISDIR(st.st_mode)) return EISDIR;
    bool regular = S_ISREG(st.st_mode) && st.st_size > 0;
    if (regular && (uint64_t)st.st_size > BASE_FILE_LIMIT && most > BASE_FILE_LIMIT) return EFBIG;
    size_t room = !regular ? 65536 : (size_t)st.st_size < most ? (size_t)st.st_size + 1 : most;
    sb.data = base_alloc(arena, room);
    sb.cap = room;
    while (sb.len < most) {
        if (sb.len == sb.cap) {
            base_sb_char(&sb, 0); /* grows */
            sb.len--;
        }
        size_t want = sb.cap - sb.len < most - sb.len ? sb.cap - sb.len : most - sb.len;
        ssize_t n = read(fd, sb.data + sb.len, want);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        if (n == 0) break;
        sb.len += (size_t)n;
        if (sb.len > BASE_FILE_LIMIT) return EFBIG;
    }
    *len = sb.len;
    *text = base_sb_text(&sb);
    return 0;
}

int base_file_read_most(Arena *arena, const char *path, size_t most, char **text, size_t *len)
{
    if (strcmp(path, "-") == 0) return read_all(arena, STDIN_FILENO, most, text, len);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    int error = read_all(arena, fd, most, text, len);
    close(fd);
    return error;
}

int base_file_read(Arena *arena, const char *path, char **text, size_t *len)
{
    return base_file_read_most(arena, path, SIZE_MAX, text, len);
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The new file while it is written: without a name where the system can do that, so that not even
 * a process killed at once leaves something behind. */
typedef struct Temporary {
    const char *path;
    char *name; /* beside `path` */
    int fd;
    bool named;
} Temporary;

static int temporary_open(Temporary *t)
{
    const char *slash = strrchr(t->path, '/');
    size_t len = slash ? (size_t)(slash - t->path) + 1 : 0;
    char *dir = len ? strndup(t->path, len) : strdup(".");
    if (!dir) return ENOMEM;
    t->fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    free(dir);
    if (t->fd >= 0) return 0;
    t->fd = mkostemp(t->name, O_CLOEXEC);
    t->named = t->fd >= 0;
    return t->named ? 0 : errno;
}

static int temporary_link(const Temporary *t, const char *path)
{
    char self[32];
    snprintf(self, sizeof self, "/proc/self/fd/%d", t->fd);
    return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

/* Gives the file its path, in place of what was there. */
static int temporary_finish(Temporary *t, size_t size)
{
    struct timespec now;
    if (!t->named) {
        int error = temporary_link(t, t->path);
        if (error != EEXIST) return error;
        clock_gettime(CLOCK_MONOTONIC, &now);
        snprintf(t->name, size, "%s.%d.%ld", t->path, (int)getpid(), now.tv_nsec);
        error = temporary_link(t, t->name);
        if (error) return error;
        t->named = true;
    }
    return rename(t->name, t->path) == 0 ? 0 : errno;
}

static int replace_file(const char *path, const void *data, size_t len)
{
    mode_t mask = umask(0);
    umask(mask);
    size_t size = strlen(path) + 32;
    Temporary t = {.path = path, .name = malloc(size)};
    if (!t.name) return ENOMEM;
    snprintf(t.name, size, "%s.XXXXXX", path);
    int error = temporary_open(&t);
    if (!error) error = write_all(t.fd, data, len);
    if (!error && fchmod(t.fd, 0666 & ~mask) != 0) error = errno;
    if (!error) error = temporary_finish(&t, size);
    if (t.fd >= 0 && close(t.fd) != 0 && !error) error = errno;
    if (error && t.named) unlink(t.name);
    free(t.name);
    return error;
}

int base_file_write(const char *path, const void *data, size_t len)
{
    struct stat st;
    if (strcmp(path, "-") == 0) return write_all(STDOUT_FILENO, data, len);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { /* /dev/null, a pipe: no rename */
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0) return errno;
        int error = write_all(fd, data, len);
        return close(fd) != 0 && !error ? errno : error;
    }
    char *target = realpath(path, NULL); /* /dev/stdout must stay what it is */
    int error = replace_file(target ? target : path, data, len);
    free(target);
    return error;
}

int base_mkdirs(Arena *arena, const char *path)
{
    char *copy = base_strndup(arena, path, strlen(path));
    for (char *p = copy + 1;; p++) {
        if (*p != '/' && *p != '\0') continue;
        char saved = *p;
        *p = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST) return errno;
        *p = saved;
        if (saved == '\0') return 0;
    }
}

bool base_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

char *base_path_join(Arena *arena, const char *dir, const char *name)
{
    if (name[0] == '/' || strcmp(dir, ".") == 0) return base_strndup(arena, name, strlen(name));
    return base_format(arena, "%s/%s", dir, name);
}

char *base_path_dir(Arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return base_strndup(arena, ".", 1);
    return base_strndup(arena, path, slash == path ? 1 : (size_t)(slash - path));
}

char *base_path_stem(Arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t len = strlen(name);
    if (len > 3 && strcmp(name + len - 3, ".hd") == 0) len -= 3;
    return base_strndup(arena, name, len);
}
