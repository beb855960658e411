/* Questions about mappings. None allocates; each is linear in the number of digits. */
#include "mapping/internal.h"

/* Adds the coordinates that the digits give `index`; the slowest digit takes what is left. */
static void add_digits(const MappingDigit *digits, int count, int64_t index, int64_t *coords)
{
    for (int i = count - 1; i >= 0; i--) {
        const MappingDigit *digit = &digits[i];
        int64_t value = i ? index % digit->extent : index;
        if (i) index /= digit->extent;
        if (digit->dim >= 0) coords[digit->dim] += value * digit->stride;
    }
}

static void clear_coords(const Mapping *m, int64_t *coords)
{
    for (int i = 0; i < m->rank; i++) coords[i] = 0;
}

void mapping_eval(const Mapping *m, int64_t worker, int64_t step, int64_t *coords)
{
    clear_coords(m, coords);
    add_digits(m->worker, m->worker_count, worker, coords);
    add_digits(m->time, m->time_count, step, coords);
}

void mapping_eval_worker(const Mapping *m, int64_t worker, int64_t *coords)
{
    clear_coords(m, coords);
    add_digits(m->worker, m->worker_count, worker, coords);
}

void mapping_eval_time(const Mapping *m, int64_t step, int64_t *coords)
{
    clear_coords(m, coords);
    add_digits(m->time, m->time_count, step, coords);
}

/* The value that a digit must have for the task: the digits of a dimension are a mixed radix. */
static int64_t digit_of_task(const MappingDigit *digit, const int64_t *coords)
{
    int64_t value = coords[digit->dim] / digit->stride;
    return MAPPING_IS_RUNTIME(digit->extent) ? value : value % digit->extent;
}

static bool is_inside(const Mapping *m, const int64_t *coords)
{
    for (int i = 0; i < m->rank; i++) {
        if (coords[i] < 0) return false;
        if (!MAPPING_IS_RUNTIME(m->shape[i]) && coords[i] >= m->shape[i]) return false;
    }
    return true;
}

static int64_t step_of_task(const Mapping *m, const int64_t *coords)
{
    int64_t step = 0;
    for (int i = 0; i < m->time_count; i++) {
        step += digit_of_task(&m->time[i], coords) * m->time[i].place;
    }
    return step;
}

int64_t mapping_slot(const Mapping *m, int64_t worker, const int64_t *coords)
{
    if (!is_inside(m, coords) || worker < 0 || (m->workers >= 0 && worker >= m->workers)) return -1;
    for (int i = m->worker_count - 1; i >= 0; i--) {
        const MappingDigit *digit = &m->worker[i];
        int64_t value = i ? worker % digit->extent : worker;
        if (i) worker /= digit->extent;
        if (digit->dim >= 0 && digit_of_task(digit, coords) != value) return -1;
    }
    return step_of_task(m, coords);
}

int64_t mapping_owner(const Mapping *m, const int64_t *coords, int64_t *step)
{
    if (!is_inside(m, coords)) return -1;
    int64_t worker = 0;
    for (int i = 0; i < m->worker_count; i++) {
        const MappingDigit *digit = &m->worker[i];
        if (digit->dim >= 0) worker += digit_of_task(digit, coords) * digit->place;
    }
    if (step) *step = step_of_task(m, coords);
    return worker;
}

/* Whether the digits are one function of the index; else the lowest index at which they differ.
 * Sound because the lists are merged: the digit after one of extent e never continues it, so two
 * digits that agree but for their extents differ first at the smaller extent. An index that only
 * one list reaches counts as a difference. */
static bool digits_differ(const MappingDigit *a, int a_count, const MappingDigit *b, int b_count,
                          int64_t *index)
{
    int64_t place = 1;
    for (; a_count > 0 && b_count > 0; a_count--, b_count--) {
        const MappingDigit *x = &a[a_count - 1], *y = &b[b_count - 1];
        if (!mapping_digits_alike(x, y)) {
            bool same_unit = x->dim == y->dim && x->stride == y->stride;
            int64_t less = x->extent < y->extent ? x->extent : y->extent;
            *index = same_unit && less > 0 ? place * less : place;
            return true;
        }
        place *= x->extent > 0 ? x->extent : 1;
    }
    *index = place;
    return a_count != b_count;
}

bool mapping_first_difference(const Mapping *a, const Mapping *b, int64_t *worker, int64_t *step)
{
    *worker = *step = 0;
    if (a->rank && b->rank && a->rank != b->rank) return true; /* rank 0: any */
    if (digits_differ(a->time, a->time_count, b->time, b->time_count, step)) return true;
    *step = 0;
    return digits_differ(a->worker, a->worker_count, b->worker, b->worker_count, worker);
}

bool mapping_equal(const Mapping *a, const Mapping *b)
{
    int64_t worker, step;
    return a == b || !mapping_first_difference(a, b, &worker, &step);
}

bool mapping_has_replicas(const Mapping *m)
{
    for (int i = 0; i < m->worker_count; i++) {
        if (m->worker[i].dim < 0) return true;
    }
    return false;
}

bool mapping_units_agree(const Mapping *m, const Mapping *f, int64_t unit)
{
    int64_t first[2], worker[2], lane[2];
    for (int64_t w = 0; w < m->workers; w++) {
        mapping_eval_worker(m, w - w % unit, first);
        mapping_eval_worker(m, w, worker);
        mapping_eval_worker(f, w % unit, lane);
        for (int d = 0; d < 2; d++)
            if (worker[d] != first[d] + lane[d]) return false;
    }
    return true;
}
