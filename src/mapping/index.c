/* Index arithmetic. A `Product` is a number times run-time extents, `NULL` the absent term 0. */
#include "mapping/index.h"
#include "mapping/internal.h"

typedef struct Product {
    int64_t number;
    int count;
    int id[2 * MAPPING_MAX_RUNTIME];
} Product;

static Product product_of(int64_t number)
{
    return (Product){.number = number};
}

static void product_extend(Product *product, int64_t extent)
{
    if (MAPPING_IS_RUNTIME(extent)) {
        mapping_add_scale(product->id, &product->count, MAPPING_RUNTIME_ID(extent));
    } else {
        product->number *= extent;
    }
}

static Product stride_of(const MappingDigit *digit)
{
    Product product = product_of(digit->stride);
    for (int i = 0; i < digit->scale_count; i++) product.id[product.count++] = digit->scale[i];
    return product;
}

/* The extents of digits [begin, end): with end the count, the place of digit begin - 1. */
static Product extents_of(const MappingDigit *digits, int begin, int end)
{
    Product product = product_of(1);
    for (int i = begin; i < end; i++) product_extend(&product, digits[i].extent);
    return product;
}

static bool is_one(const Product *product)
{
    return product->number == 1 && product->count == 0;
}

static void *build_product(const Product *product, const MappingIndexOps *ops)
{
    void *value = NULL;
    for (int i = 0; i < product->count; i++) {
        void *extent = ops->runtime(ops->user, product->id[i]);
        value = value ? ops->mul(ops->user, value, extent) : extent;
    }
    if (!value) return ops->constant(ops->user, product->number);
    if (product->number == 1) return value;
    return ops->mul(ops->user, value, ops->constant(ops->user, product->number));
}

typedef void *(*BuildBinary)(void *user, void *a, void *b);

/* `value op product`, omitted where the product is 1. */
static void *apply(BuildBinary op, void *value, const Product *product, const MappingIndexOps *ops)
{
    return is_one(product) ? value : op(ops->user, value, build_product(product, ops));
}

static void *sum(void *a, void *b, const MappingIndexOps *ops)
{
    if (!a) return b;
    return b ? ops->add(ops->user, a, b) : a;
}

static void *or_zero(void *value, const MappingIndexOps *ops)
{
    return value ? value : ops->constant(ops->user, 0);
}

/* Whether one unit of `slow` is just what `fast` overflows by. Digits of compile-time extent are
 * merged already; this finds the same among run-time ones. */
static bool is_continued(const MappingDigit *slow, const MappingDigit *fast)
{
    if (slow->dim != fast->dim) return false;
    if (slow->dim < 0) return true;
    Product unit = stride_of(fast);
    product_extend(&unit, fast->extent);
    if (unit.number != slow->stride || unit.count != slow->scale_count) return false;
    for (int i = 0; i < unit.count; i++) {
        if (unit.id[i] != slow->scale[i]) return false;
    }
    return true;
}

/* The value of the worker digits [begin, end), which continue one another, as one digit. */
static void *worker_run(const Mapping *m, int begin, int end, const MappingIndexOps *ops,
                        void *worker)
{
    Product place = extents_of(m->worker, end, m->worker_count);
    void *value = apply(ops->div, worker, &place, ops);
    if (begin == 0) return value;
    Product extent = extents_of(m->worker, begin, end);
    return apply(ops->mod, value, &extent, ops);
}

static void *worker_terms(const Mapping *m, int dim, const MappingIndexOps *ops, void *worker)
{
    void *total = NULL;
    for (int begin = 0, end; begin < m->worker_count; begin = end) {
        for (end = begin + 1; end < m->worker_count; end++) {
            if (!is_continued(&m->worker[end - 1], &m->worker[end])) break;
        }
        if (m->worker[begin].dim != dim) continue;
        Product stride = stride_of(&m->worker[end - 1]);
        void *value = worker_run(m, begin, end, ops, worker);
        total = sum(total, apply(ops->mul, value, &stride, ops), ops);
    }
    return total;
}

static void *time_terms(const Mapping *m, int dim, const MappingIndexOps *ops,
                        void *const *counters)
{
    void *total = NULL;
    for (int i = 0; i < m->time_count; i++) {
        if (m->time[i].dim != dim) continue;
        Product stride = stride_of(&m->time[i]);
        total = sum(total, apply(ops->mul, counters[i], &stride, ops), ops);
    }
    return total;
}

void *mapping_index_coord(const Mapping *m, int dim, const MappingIndexOps *ops, void *worker,
                          void *const *counters)
{
    void *by_worker = worker_terms(m, dim, ops, worker);
    return or_zero(sum(by_worker, time_terms(m, dim, ops, counters), ops), ops);
}

void *mapping_index_worker_part(const Mapping *m, int dim, const MappingIndexOps *ops, void *worker)
{
    return or_zero(worker_terms(m, dim, ops, worker), ops);
}

void *mapping_index_time_part(const Mapping *m, int dim, const MappingIndexOps *ops,
                              void *const *counters)
{
    return or_zero(time_terms(m, dim, ops, counters), ops);
}

/* Whether a digit is the slowest of its dimension. Up a dimension's mixed radix each stride is
 * the one below times an extent, so it grows in number or in run-time factors. */
static bool is_top(const Mapping *m, const MappingDigit *digit)
{
    for (int i = 0; i < m->worker_count + m->time_count; i++) {
        const MappingDigit *other = mapping_digit_at(m, i);
        if (other->dim != digit->dim) continue;
        if (other->scale_count > digit->scale_count || other->stride > digit->stride) return false;
    }
    return true;
}

/* Sum of `digit of the task * place` over one list. */
static void *inverse(const Mapping *m, const MappingDigit *digits, int count,
                     const MappingIndexOps *ops, void *const *coords)
{
    void *total = NULL;
    for (int i = 0; i < count; i++) {
        if (digits[i].dim < 0) continue;
        Product stride = stride_of(&digits[i]), extent = extents_of(digits, i, i + 1);
        Product place = extents_of(digits, i + 1, count);
        void *value = apply(ops->div, coords[digits[i].dim], &stride, ops);
        if (!is_top(m, &digits[i])) value = apply(ops->mod, value, &extent, ops);
        total = sum(total, apply(ops->mul, value, &place, ops), ops);
    }
    return or_zero(total, ops);
}

void *mapping_index_slot(const Mapping *m, const MappingIndexOps *ops, void *const *coords)
{
    return inverse(m, m->time, m->time_count, ops, coords);
}

void *mapping_index_owner(const Mapping *m, const MappingIndexOps *ops, void *const *coords)
{
    return inverse(m, m->worker, m->worker_count, ops, coords);
}

void *mapping_index_extent(const MappingDigit *digit, const MappingIndexOps *ops)
{
    Product product = extents_of(digit, 0, 1);
    return build_product(&product, ops);
}

void *mapping_index_shape(const Mapping *m, int dim, const MappingIndexOps *ops)
{
    Product product = product_of(1);
    for (int i = 0; i < m->worker_count + m->time_count; i++) {
        const MappingDigit *digit = mapping_digit_at(m, i);
        if (digit->dim == dim) product_extend(&product, digit->extent);
    }
    return build_product(&product, ops);
}

void *mapping_index_workers(const Mapping *m, const MappingIndexOps *ops)
{
    Product product = extents_of(m->worker, 0, m->worker_count);
    return build_product(&product, ops);
}
