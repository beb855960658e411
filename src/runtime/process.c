/* Child processes by posix_spawn. */
#include "runtime/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCESS_OUTPUT_MAX = 1 << 20 };

extern char **environ;

char *runtime_process_find(Arena *arena, const char *program)
{
    if (strchr(program, '/')) {
        bool runs = access(program, X_OK) == 0;
        return runs ? base_strndup(arena, program, strlen(program)) : NULL;
    }
    const char *path = getenv("PATH");
    for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
        size_t len = strcspn(p, ":");
        char *file = base_format(arena, "%.*s/%s", (int)len, p, program);
        if (len > 0 && access(file, X_OK) == 0) return file;
        p += len + (p[len] == ':');
    }
    return NULL;
}

typedef struct {
    pid_t pid;
    int in, out; /* our ends; -1 once closed */
} Child;

/* stdin is a socket, so that writing to a child that has gone is an error and not a signal. */
static int process_spawn(Child *child, const char *file, const char *const *argv)
{
    int in[2], out[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0) return errno;
    if (pipe2(out, O_CLOEXEC) != 0) {
        int error = errno;
        close(in[0]);
        close(in[1]);
        return error;
    }
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[1], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, out[1], STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setpgroup(&attributes, 0); /* so that a timeout ends its children too */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    int error = posix_spawn(&child->pid, file, &files, &attributes, (char *const *)(uintptr_t)argv,
                            environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    close(in[1]);
    close(out[1]);
    child->in = in[0];
    child->out = out[0];
    if (error) {
        close(in[0]);
        close(out[0]);
    }
    return error;
}

static void process_close(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void process_feed(Child *child, const char **input, size_t *len)
{
    ssize_t n = *len ? send(child->in, *input, *len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (n > 0) {
        *input += n;
        *len -= (size_t)n;
    }
    bool gone = n < 0 && errno != EAGAIN && errno != EINTR;
    if (*len == 0 || gone) process_close(&child->in);
}

static void process_drain(Child *child, Sb *output)
{
    char buffer[16384];
    ssize_t n = read(child->out, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) {
        process_close(&child->out);
        return;
    }
    size_t room = PROCESS_OUTPUT_MAX - output->len;
    base_sb_mem(output, buffer, (size_t)n < room ? (size_t)n : room);
}

static int64_t process_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Feeds and drains until the child closes its output; false when time is up. */
static bool process_talk(Child *child, const char *input, size_t len, int64_t deadline, Sb *output)
{
    if (len == 0) process_close(&child->in);
    while (child->out >= 0) {
        int64_t left = deadline - process_clock_ms();
        if (left <= 0) return false;
        struct pollfd fds[2] = {{child->out, POLLIN, 0}, {child->in, POLLOUT, 0}};
        if (poll(fds, child->in >= 0 ? 2 : 1, (int)(left < 1000 ? left : 1000)) < 0) continue;
        if (fds[0].revents) process_drain(child, output);
        if (child->in >= 0 && fds[1].revents) process_feed(child, &input, &len);
    }
    return true;
}

/* Waits for the end; a child that closed its output but lingers is still held to the deadline. */
static bool process_wait(pid_t pid, int64_t deadline, int *status)
{
    for (;;) {
        pid_t got = waitpid(pid, status, WNOHANG);
        if (got == pid || (got < 0 && errno != EINTR)) return true;
        if (process_clock_ms() >= deadline) return false;
        struct timespec pause = {0, 500000};
        nanosleep(&pause, NULL);
    }
}

RuntimeProcess runtime_process_run(Arena *arena, const char *const *argv, const void *input,
                                   size_t input_len, int timeout_s)
{
    RuntimeProcess result = {0};
    Child child = {-1, -1, -1};
    Sb output = base_sb(arena);
    char *file = runtime_process_find(arena, argv[0]);
    result.error = file ? process_spawn(&child, file, argv) : ENOENT;
    if (!result.error) {
        int64_t deadline = process_clock_ms() + (int64_t)timeout_s * 1000;
        int status = 0;
        bool ended = process_talk(&child, input, input_len, deadline, &output) &&
                     process_wait(child.pid, deadline, &status);
        if (!ended) {
            kill(-child.pid, SIGKILL);
            while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) continue;
        }
        process_close(&child.in);
        process_close(&child.out);
        result.timed_out = !ended;
        result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    result.output_len = output.len;
    result.output = base_sb_text(&output);
    return result;
}
