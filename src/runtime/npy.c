/* Reading and writing .npy files. */
#include "runtime/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NPY_RAW = 3, NPY_BOOL = 6, NPY_MAX_HEADER = 1 << 20 };

/* Kind letter and bytes, as in a descr, and what DLPack calls it. */
typedef struct {
    char kind;
    int bytes;
    uint8_t code;
    const char *elem;
} NpyType;
static const NpyType npy_types[] = {
    {'b', 1, NPY_BOOL, "bool"},  {'i', 1, kDLInt, "i8"},    {'i', 2, kDLInt, "i16"},
    {'i', 4, kDLInt, "i32"},     {'i', 8, kDLInt, "i64"},   {'u', 1, kDLUInt, "u8"},
    {'u', 2, kDLUInt, "u16"},    {'u', 4, kDLUInt, "u32"},  {'u', 8, kDLUInt, "u64"},
    {'f', 2, kDLFloat, "f16"},   {'f', 4, kDLFloat, "f32"}, {'f', 8, kDLFloat, "f64"},
    {'f', 4, kDLFloat, "tf32"},  {'i', 8, kDLInt, "index"}, {'V', 1, NPY_RAW, "f8e4m3"},
    {'V', 1, NPY_RAW, "f8e5m2"}, {'V', 2, NPY_RAW, "bf16"},
};

static const NpyType *npy_type_of_elem(const char *elem)
{
    for (size_t i = 0; i < BASE_LEN(npy_types); i++)
        if (strcmp(npy_types[i].elem, elem) == 0) return &npy_types[i];
    return NULL;
}

static const NpyType *npy_type_of_descr(const char *descr)
{
    for (size_t i = 0; i < BASE_LEN(npy_types); i++)
        if (descr[1] == npy_types[i].kind && descr[2] == '0' + npy_types[i].bytes && !descr[3])
            return &npy_types[i];
    return NULL;
}

/* ---- the header: a Python dictionary ------------------------------------------------------- */

typedef struct {
    Arena *arena;
    const char *at, *end;
    RuntimeNpy *npy;
    HdFailure *failure;
    bool has_descr, has_order, has_shape, fortran;
} NpyHeader;

static bool npy_malformed(NpyHeader *h)
{
    return hd_fail(h->failure, HD_BAD_CALL, "%s has a malformed .npy header", h->npy->name);
}

static void npy_skip(NpyHeader *h)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t')) h->at++;
}

static bool npy_take(NpyHeader *h, const char *text)
{
    size_t len = strlen(text);
    npy_skip(h);
    if ((size_t)(h->end - h->at) < len || memcmp(h->at, text, len) != 0) return false;
    h->at += len;
    return true;
}

/* A quoted string without escapes; NULL if there is none. */
static const char *npy_string(NpyHeader *h)
{
    npy_skip(h);
    if (h->at >= h->end || (*h->at != '\'' && *h->at != '"')) return NULL;
    const char *begin = h->at + 1, *close = memchr(begin, *h->at, (size_t)(h->end - begin));
    if (!close || close - begin > 64 || memchr(begin, '\\', (size_t)(close - begin))) return NULL;
    h->at = close + 1;
    return base_strndup(h->arena, begin, (size_t)(close - begin));
}

static bool npy_descr(NpyHeader *h)
{
    RuntimeNpy *npy = h->npy;
    npy_skip(h);
    if (h->at < h->end && *h->at == '[')
        return hd_fail(h->failure, HD_BAD_CALL,
                       "%s holds records (a structured dtype); save one field of it", npy->name);
    npy->descr = npy_string(h);
    if (!npy->descr) return npy_malformed(h);
    if (npy->descr[0] == '>')
        return hd_fail(h->failure, HD_BAD_CALL,
                       "%s is big-endian (dtype %s); save it as x.astype('<%s')", npy->name,
                       npy->descr, npy->descr + 1);
    bool ordered = npy->descr[0] == '<' || npy->descr[0] == '|' || npy->descr[0] == '=';
    const NpyType *type = ordered ? npy_type_of_descr(npy->descr) : NULL;
    if (!type)
        return hd_fail(h->failure, HD_BAD_CALL,
                       "%s has elements of dtype %s, which .hd has no type for", npy->name,
                       npy->descr);
    npy->type = (DLDataType){type->code, (uint8_t)(8 * type->bytes), 1};
    return true;
}

static bool npy_order(NpyHeader *h)
{
    h->fortran = npy_take(h, "True");
    return h->fortran || npy_take(h, "False") || npy_malformed(h);
}

static bool npy_extent(NpyHeader *h, int64_t *value)
{
    npy_skip(h);
    *value = 0;
    if (h->at < h->end && *h->at == '-')
        return hd_fail(h->failure, HD_BAD_CALL, "%s has a negative extent", h->npy->name);
    const char *begin = h->at;
    for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++)
        if (!base_mul(*value, 10, value) || !base_add(*value, *h->at - '0', value))
            return hd_fail(h->failure, HD_BAD_CALL, "%s has an extent beyond 64 bits",
                           h->npy->name);
    return h->at > begin || npy_malformed(h);
}

static bool npy_shape(NpyHeader *h)
{
    RuntimeNpy *npy = h->npy;
    npy->shape = NEW_ARRAY(h->arena, int64_t, RUNTIME_NPY_MAX_RANK);
    npy->rank = 0;
    if (!npy_take(h, "(")) return npy_malformed(h);
    while (!npy_take(h, ")")) {
        if (npy->rank == RUNTIME_NPY_MAX_RANK)
            return hd_fail(h->failure, HD_BAD_CALL, "%s has more than %d dimensions", npy->name,
                           RUNTIME_NPY_MAX_RANK);
        if (!npy_extent(h, &npy->shape[npy->rank])) return false;
        npy->rank++;
        if (npy_take(h, ")")) return npy->rank > 1 || npy_malformed(h); /* (3) is no tuple */
        if (!npy_take(h, ",")) return npy_malformed(h);
    }
    return true;
}

static bool npy_entry(NpyHeader *h)
{
    const char *key = npy_string(h);
    if (!key || !npy_take(h, ":")) return npy_malformed(h);
    if (strcmp(key, "descr") == 0 && !h->has_descr) return h->has_descr = npy_descr(h);
    if (strcmp(key, "fortran_order") == 0 && !h->has_order) return h->has_order = npy_order(h);
    if (strcmp(key, "shape") == 0 && !h->has_shape) return h->has_shape = npy_shape(h);
    return npy_malformed(h);
}

static bool npy_dictionary(NpyHeader *h)
{
    if (!npy_take(h, "{")) return npy_malformed(h);
    while (!npy_take(h, "}")) {
        if (!npy_entry(h)) return false;
        if (npy_take(h, ",")) continue;
        if (!npy_take(h, "}")) return npy_malformed(h);
        break;
    }
    npy_skip(h);
    if (h->at != h->end || !h->has_descr || !h->has_order || !h->has_shape) return npy_malformed(h);
    return true;
}

/* ---- the file ------------------------------------------------------------------------------ */

/* Where the header's text begins and ends; false if this is no .npy file. */
static bool npy_locate(const unsigned char *b, size_t len, const char *name, size_t *begin,
                       size_t *end, HdFailure *failure)
{
    if (len < 10 || memcmp(b, "\x93NUMPY", 6) != 0)
        return hd_fail(failure, HD_BAD_CALL, "%s is no .npy file", name);
    if (b[6] < 1 || b[6] > 3 || b[7] != 0)
        return hd_fail(failure, HD_BAD_CALL, "%s is of .npy version %d.%d; 1.0 to 3.0 are read",
                       name, b[6], b[7]);
    *begin = b[6] == 1 ? 10 : 12;
    size_t header = b[8] | (size_t)b[9] << 8;
    if (b[6] > 1 && len >= 12) header |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
    if (len < *begin || header > NPY_MAX_HEADER || header > len - *begin)
        return hd_fail(failure, HD_BAD_CALL, "%s is truncated: its header ends early", name);
    *end = *begin + header;
    return true;
}

static bool npy_size(RuntimeNpy *npy, HdFailure *failure)
{
    int64_t bytes = npy->type.bits / 8;
    bool empty = false;
    for (int i = 0; i < npy->rank; i++) empty = empty || npy->shape[i] == 0;
    for (int i = 0; i < npy->rank && !empty; i++)
        if (!base_mul(bytes, npy->shape[i], &bytes))
            return hd_fail(failure, HD_BAD_CALL, "%s has a shape larger than any memory",
                           npy->name);
    npy->bytes = empty ? 0 : (uint64_t)bytes;
    return true;
}

bool runtime_npy_parse(Arena *arena, void *bytes, size_t len, const char *name, RuntimeNpy *npy,
                       HdFailure *failure)
{
    size_t begin = 0, end = 0;
    memset(npy, 0, sizeof *npy);
    npy->name = name;
    if (!npy_locate(bytes, len, name, &begin, &end, failure)) return false;
    char *text = bytes;
    NpyHeader h = {
        .arena = arena, .at = text + begin, .end = text + end, .npy = npy, .failure = failure};
    if (!npy_dictionary(&h) || !npy_size(npy, failure)) return false;
    if (h.fortran && npy->rank > 1)
        return hd_fail(failure, HD_BAD_CALL,
                       "%s is in Fortran order; save it as np.ascontiguousarray(x)", name);
    if (npy->bytes != len - end)
        return hd_fail(failure, HD_BAD_CALL,
                       "%s is %s: its shape needs %" PRIu64 " bytes of data, and it has %zu", name,
                       npy->bytes > len - end ? "truncated" : "too long", npy->bytes, len - end);
    bool aligned = ((uintptr_t)(text + end)) % 8 == 0;
    npy->data = aligned ? text + end : base_copy(arena, text + end, (size_t)npy->bytes + 1);
    return true;
}

/* A regular file may be larger than `base_file_read` takes. */
static int npy_load(Arena *arena, const char *path, char **data, size_t *len)
{
    struct stat st;
    if (strcmp(path, "-") == 0 || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return base_file_read(arena, path, data, len);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    int error = 0;
    size_t size = (size_t)st.st_size, done = 0;
    *data = base_alloc(arena, size + 1);
    while (done < size) {
        ssize_t n = read(fd, *data + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) error = errno;
        if (n <= 0) break;
        done += (size_t)n;
    }
    close(fd);
    *len = done;
    return error;
}

bool runtime_npy_read(Arena *arena, const char *path, RuntimeNpy *npy, HdFailure *failure)
{
    char *data;
    size_t len;
    int error = npy_load(arena, path, &data, &len);
    if (error) return hd_fail(failure, HD_LACKING, "cannot read %s: %s", path, strerror(error));
    return runtime_npy_parse(arena, data, len, path, npy, failure);
}

bool runtime_npy_fit(RuntimeNpy *npy, const HdParamInfo *param, HdFailure *failure)
{
    DLDataType want = {param->dl_code, param->dl_bits, 1};
    const NpyType *type = npy_type_of_elem(param->elem);
    bool same = npy->type.code == want.code && npy->type.bits == want.bits;
    bool unnamed = type && type->kind == 'V',
         bits = npy->type.code == NPY_RAW || npy->type.code == kDLUInt;
    if (same || (unnamed && bits && npy->type.bits == want.bits)) {
        npy->type = want;
        return true;
    }
    if (type && !unnamed)
        return hd_fail(
            failure, HD_BAD_CALL,
            "%s holds elements of dtype %s, and argument %s takes %s; save it as x.astype('<%c%d')",
            npy->name, npy->descr, param->name, param->elem, type->kind, type->bytes);
    return hd_fail(failure, HD_BAD_CALL,
                   "%s holds elements of dtype %s, and argument %s takes %s%s", npy->name,
                   npy->descr, param->name, param->elem,
                   unnamed ? "; save its bits, x.view of an unsigned type of the same width"
                           : ", for which NumPy has no type");
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool npy_check_writable(const DLTensor *t, const char *elem, const NpyType *type,
                               HdFailure *failure)
{
    int64_t expected = 1;
    if (!type || t->dtype.bits != 8 * type->bytes || t->dtype.lanes != 1)
        return hd_fail(failure, HD_BAD_CALL, "a .npy file cannot hold elements of type %s", elem);
    if (t->ndim > RUNTIME_NPY_MAX_RANK)
        return hd_fail(failure, HD_BAD_CALL, "a .npy file has at most %d dimensions",
                       RUNTIME_NPY_MAX_RANK);
    for (int i = t->ndim; t->strides && i-- > 0;) {
        if (t->shape[i] != 1 && t->strides[i] != expected)
            return hd_fail(failure, HD_BAD_CALL, "only contiguous tensors are written as .npy");
        expected *= t->shape[i];
    }
    return true;
}

/* Padded so that the data begins at a multiple of 64. */
static void npy_add_header(Sb *sb, const DLTensor *t, const NpyType *type)
{
    Sb text = base_sb(sb->arena);
    base_sb_printf(&text, "{'descr': '%c%c%d', 'fortran_order': False, 'shape': (",
                   type->bytes == 1 ? '|' : '<', type->kind, type->bytes);
    for (int i = 0; i < t->ndim; i++)
        base_sb_printf(&text, i + 1 < t->ndim ? "%" PRId64 ", " : "%" PRId64, t->shape[i]);
    base_sb_str(&text, t->ndim == 1 ? ",), }" : "), }");
    while ((10 + text.len + 1) % 64 != 0) base_sb_char(&text, ' ');
    base_sb_char(&text, '\n');
    base_sb_mem(sb, "\x93NUMPY\x01\x00", 8);
    base_sb_char(sb, (char)(text.len & 0xff));
    base_sb_char(sb, (char)(text.len >> 8));
    base_sb_mem(sb, text.data, text.len);
}

bool runtime_npy_write(Arena *arena, const char *path, const DLTensor *tensor, const char *elem,
                       HdFailure *failure)
{
    const NpyType *type = npy_type_of_elem(elem);
    if (!npy_check_writable(tensor, elem, type, failure)) return false;
    Sb sb = base_sb(arena);
    size_t bytes = (size_t)type->bytes;
    for (int i = 0; i < tensor->ndim; i++) bytes *= (size_t)tensor->shape[i];
    npy_add_header(&sb, tensor, type);
    if (bytes) base_sb_mem(&sb, (const char *)tensor->data + tensor->byte_offset, bytes);
    int error = base_file_write(path, sb.data, sb.len);
    if (!error) return true;
    return hd_fail(failure, HD_FAILED, "cannot write %s: %s", path, strerror(error));
}
