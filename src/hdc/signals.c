/* A signal that ends hdc ends the programs that it runs too: C compilers and what they started in
 * turn. Each of them is a process group of its own, so that a time limit can end it whole; a
 * terminal's Ctrl-C therefore reaches hdc alone, and those of its children that are hdc (jobs.h),
 * which pass the signal on in the same way. Linux tells a thread's children in a file; all of
 * hdc's are started by its first thread. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "hdc/hdc.h"

static char children[64]; /* the file's path, made before it is needed */

static void end_children(const char *text, ssize_t len)
{
    pid_t pid = 0;
    for (ssize_t i = 0; i < len; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            pid = pid * 10 + (text[i] - '0');
            continue;
        }
        if (pid > 1 && kill(-pid, SIGKILL) != 0) kill(pid, SIGTERM);
        pid = 0;
    }
}

static void on_signal(int number)
{
    char text[1024];
    int file = open(children, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        end_children(text, read(file, text, sizeof text));
        close(file);
    }
    signal(number, SIG_DFL);
    raise(number);
}

void signals_install(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    snprintf(children, sizeof children, "/proc/self/task/%ld/children", (long)getpid());
    for (size_t i = 0; i < BASE_LEN(numbers); i++) {
        struct sigaction action = {.sa_handler = on_signal}, old;
        bool ignored = sigaction(numbers[i], NULL, &old) != 0 || old.sa_handler == SIG_IGN;
        if (!ignored) sigaction(numbers[i], &action, NULL);
    }
}
