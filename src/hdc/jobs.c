/* Child processes, some at a time, whose output comes out in order. */
#include "hdc/jobs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hdc/hdc.h"

/* How far the pieces that have ended may be ahead of the first that has not. */
enum { AHEAD = 64 };

typedef struct Job {
    pid_t pid;
    int out, err; /* files in memory with what it prints; -1: it prints at once */
    bool over;
    int status;
} Job;

typedef struct Jobs {
    size_t count, begun, printed;
    int running;
    Job ring[AHEAD];
} Jobs;

static Job *job_at(Jobs *jobs, size_t i)
{
    return &jobs->ring[i % AHEAD];
}

/* In a child: its output goes where the job says, and it ends with its parent. */
static void settle(const Job *job, pid_t parent)
{
    if (job->out >= 0) dup2(job->out, STDOUT_FILENO);
    if (job->err >= 0) dup2(job->err, STDERR_FILENO);
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash loses no line */
    signals_install();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) raise(SIGTERM);
}

/* True in the child. */
static bool begin(Jobs *jobs, bool alone)
{
    Job *job = job_at(jobs, jobs->begun++);
    *job = (Job){.out = -1, .err = -1};
    if (!alone) {
        job->out = memfd_create("stdout", MFD_CLOEXEC);
        job->err = memfd_create("stderr", MFD_CLOEXEC);
    }
    fflush(stdout);
    fflush(stderr);
    pid_t parent = getpid();
    job->pid = fork();
    if (job->pid == 0) {
        settle(job, parent);
        return true;
    }
    if (job->pid > 0) {
        jobs->running++;
    } else {
        fprintf(stderr, "hdc: cannot start a process: %s\n", strerror(errno));
        job->over = true;
        job->status = W_EXITCODE(EXIT_ENVIRONMENT, 0);
    }
    return false;
}

static void wait_for_one(Jobs *jobs)
{
    int status;
    pid_t pid;
    do pid = waitpid(-1, &status, 0);
    while (pid < 0 && errno == EINTR);
    for (size_t i = jobs->printed; i < jobs->begun; i++) {
        Job *job = job_at(jobs, i);
        if (job->over || (pid >= 0 && job->pid != pid)) continue;
        job->over = true;
        job->status = status;
        jobs->running--;
        return;
    }
}

static void print_all(int file, FILE *to)
{
    if (file < 0) return;
    char text[4096];
    ssize_t len;
    for (off_t at = 0; (len = pread(file, text, sizeof text, at)) > 0; at += len)
        fwrite(text, 1, (size_t)len, to);
    fflush(to);
    close(file);
}

static void end_all(Jobs *jobs)
{
    for (size_t i = jobs->printed; i < jobs->begun; i++)
        if (!job_at(jobs, i)->over) kill(job_at(jobs, i)->pid, SIGTERM);
    while (jobs->running) wait_for_one(jobs);
}

bool jobs_split(size_t count, int most, JobEnded ended, void *user, size_t *mine)
{
    Jobs jobs = {.count = count};
    bool alone = count == 1 || most == 1;
    while (jobs.printed < count) {
        while (jobs.begun < count && jobs.running < most && jobs.begun - jobs.printed < AHEAD) {
            *mine = jobs.begun;
            if (begin(&jobs, alone)) return true;
        }
        if (jobs.running) wait_for_one(&jobs);
        while (jobs.printed < jobs.begun && job_at(&jobs, jobs.printed)->over) {
            Job *job = job_at(&jobs, jobs.printed++);
            print_all(job->out, stdout);
            print_all(job->err, stderr);
            if (ended(user, jobs.printed - 1, job->status)) continue;
            end_all(&jobs);
            return false;
        }
    }
    return false;
}
