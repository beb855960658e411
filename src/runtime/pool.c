/* The pool of threads that run blocks. */
#include "runtime/cpu.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POOL_MAX_THREADS = 1024, POOL_STACK = 8 << 20 };
static const uint64_t POOL_MAX_SCRATCH = (uint64_t)1 << 38; /* more is a mistake, not a wish */

struct HdCpuPool {
    pthread_mutex_t busy; /* held during a launch */
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake, idle;
    int wanted;  /* workers, the launching thread included */
    int started; /* workers that exist; those from 1 on have a thread */
    int limit, pending;
    uint64_t round; /* counts launches, so that a worker takes each once */
    bool stop;
    pid_t owner;
    HdCpuWork *work;
    void *job;
    HdCpuWorker *workers;
};

int hd_cpu_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more of them than a cpu_set_t has room for */
    return n < 1 ? 1 : (int)n;
}

static int pool_default_threads(void)
{
    const char *text = getenv("HD_NUM_THREADS");
    long n = text ? strtol(text, NULL, 10) : 0;
    if (n < 1) n = hd_cpu_processors();
    return n > POOL_MAX_THREADS ? POOL_MAX_THREADS : (int)n;
}

static void pool_reset(HdCpuPool *pool)
{
    pthread_mutex_init(&pool->busy, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->idle, NULL);
    pool->started = 1;
    pool->pending = 0;
    pool->owner = getpid();
}

HdCpuPool *hd_cpu_pool_create(int threads)
{
    HdCpuPool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pool->wanted = threads > 0 ? threads : pool_default_threads();
    if (pool->wanted > POOL_MAX_THREADS) pool->wanted = POOL_MAX_THREADS;
    pool->workers = calloc((size_t)pool->wanted, sizeof *pool->workers);
    if (!pool->workers) {
        free(pool);
        return NULL;
    }
    for (int i = 0; i < pool->wanted; i++)
        pool->workers[i] = (HdCpuWorker){.pool = pool, .index = i};
    pool_reset(pool);
    return pool;
}

int hd_cpu_pool_threads(const HdCpuPool *pool)
{
    return pool->wanted;
}

static void *pool_thread(void *argument)
{
    HdCpuWorker *worker = argument;
    HdCpuPool *pool = worker->pool;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stop && (pool->round == seen || worker->index >= pool->limit))
            pthread_cond_wait(&pool->wake, &pool->lock);
        if (pool->stop) break;
        seen = pool->round;
        HdCpuWork *work = pool->work;
        void *job = pool->job;
        pthread_mutex_unlock(&pool->lock);
        work(job, worker);
        pthread_mutex_lock(&pool->lock);
        if (--pool->pending == 0) pthread_cond_signal(&pool->idle);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Starts threads up to `limit` workers; makes do with fewer if the system refuses. */
static int pool_start(HdCpuPool *pool, int limit)
{
    if (limit > pool->wanted) limit = pool->wanted;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, POOL_STACK);
    while (pool->started < limit) {
        HdCpuWorker *worker = &pool->workers[pool->started];
        if (pthread_create(&worker->thread, &attributes, pool_thread, worker) != 0) break;
        pool->started++;
    }
    pthread_attr_destroy(&attributes);
    return limit < pool->started ? limit : pool->started;
}

void hd_cpu_pool_run(HdCpuPool *pool, int limit, HdCpuWork *work, void *job, int *granted)
{
    if (pool->owner != getpid()) pool_reset(pool); /* in a forked child there are no threads */
    pthread_mutex_lock(&pool->busy);
    pthread_mutex_lock(&pool->lock);
    pool->limit = 0; /* a thread that is just starting waits for its round */
    limit = pool_start(pool, limit);
    if (granted) *granted = limit;
    pool->work = work;
    pool->job = job;
    pool->limit = limit;
    pool->pending = limit - 1;
    pool->round++;
    if (limit > 1) pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    work(job, &pool->workers[0]);
    pthread_mutex_lock(&pool->lock);
    while (pool->pending > 0) pthread_cond_wait(&pool->idle, &pool->lock);
    pool->limit = 0;
    pthread_mutex_unlock(&pool->lock);
    pthread_mutex_unlock(&pool->busy);
}

void hd_cpu_pool_destroy(HdCpuPool *pool)
{
    if (!pool) return;
    if (pool->owner != getpid()) pool_reset(pool);
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 1; i < pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
    for (int i = 0; i < pool->wanted; i++) free(pool->workers[i].scratch.data);
    pthread_cond_destroy(&pool->wake);
    pthread_cond_destroy(&pool->idle);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->busy);
    free(pool->workers);
    free(pool);
}

void *hd_scratch_get(void *pointer, uint64_t bytes)
{
    HdScratch *scratch = pointer;
    if (bytes == 0) bytes = 1;
    if (bytes > scratch->bytes) {
        free(scratch->data);
        scratch->bytes = 0;
        scratch->data = bytes > POOL_MAX_SCRATCH ? NULL : aligned_alloc(64, (bytes + 63) / 64 * 64);
        if (scratch->data) scratch->bytes = bytes;
    }
    scratch->failed = !scratch->data;
    return scratch->data;
}
