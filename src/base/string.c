/* Formatting, string builder, edit distance, integers. */
#include "base/base.h"

#include <stdio.h>

char *base_strndup(Arena *arena, const char *text, size_t len)
{
    char *result = base_alloc(arena, len + 1);
    memcpy(result, text, len);
    return result;
}

char *base_vformat(Arena *arena, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    char *result = base_alloc(arena, (size_t)(len < 0 ? 0 : len) + 1);
    if (len > 0) vsnprintf(result, (size_t)len + 1, fmt, again);
    va_end(again);
    return result;
}

char *base_format(Arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *result = base_vformat(arena, fmt, args);
    va_end(args);
    return result;
}

Sb base_sb(Arena *arena)
{
    return (Sb){.arena = arena};
}

static void reserve(Sb *sb, size_t more)
{
    if (sb->cap - sb->len >= more) return;
    size_t cap = sb->cap ? sb->cap : 64;
    while (cap - sb->len < more) cap *= 2;
    char *data = base_alloc(sb->arena, cap);
    if (sb->len) memcpy(data, sb->data, sb->len);
    sb->data = data;
    sb->cap = cap;
}

void base_sb_char(Sb *sb, char c)
{
    reserve(sb, 1);
    sb->data[sb->len++] = c;
}

void base_sb_mem(Sb *sb, const char *data, size_t len)
{
    if (len == 0) return;
    reserve(sb, len);
    memcpy(sb->data + sb->len, data, len);
    sb->len += len;
}

void base_sb_str(Sb *sb, const char *text)
{
    base_sb_mem(sb, text, strlen(text));
}

void base_sb_vprintf(Sb *sb, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    reserve(sb, 64);
    int len = vsnprintf(sb->data + sb->len, sb->cap - sb->len, fmt, args);
    if (len > 0 && (size_t)len >= sb->cap - sb->len) {
        reserve(sb, (size_t)len + 1);
        vsnprintf(sb->data + sb->len, sb->cap - sb->len, fmt, again);
    }
    if (len > 0) sb->len += (size_t)len;
    va_end(again);
}

void base_sb_printf(Sb *sb, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    base_sb_vprintf(sb, fmt, args);
    va_end(args);
}

void base_sb_indent(Sb *sb, int depth)
{
    for (int i = 0; i < depth; i++) base_sb_mem(sb, "    ", 4);
}

char *base_sb_text(Sb *sb)
{
    reserve(sb, 1);
    sb->data[sb->len] = '\0';
    return sb->data;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

size_t base_edit_distance(const char *a, const char *b, size_t limit)
{
    enum { MAX = 64 };
    size_t la = strlen(a), lb = strlen(b);
    if (la >= MAX || lb >= MAX || la > lb + limit || lb > la + limit) return limit + 1;
    size_t rows[3][MAX];
    for (size_t j = 0; j <= lb; j++) rows[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t *row = rows[i % 3], *last = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t cost = a[i - 1] != b[j - 1];
            row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    size_t distance = rows[la % 3][lb];
    return distance > limit ? limit + 1 : distance;
}

int64_t base_gcd(int64_t a, int64_t b)
{
    while (b) {
        int64_t t = a % b;
        a = b;
        b = t;
    }
    return a < 0 ? -a : a;
}
