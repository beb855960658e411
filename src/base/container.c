/* Hash maps with insertion order, the interner, hashing. */
#include "base/base.h"

static uint64_t mix(uint64_t x)
{
    /* The finaliser of SplitMix64 (Steele, Lea, Flood 2014). */
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Up to seven bytes as a number, different for different bytes, without a loop. */
static uint64_t tail_of(const unsigned char *bytes, size_t len)
{
    if (len >= 4) {
        uint32_t low, high;
        memcpy(&low, bytes, 4);
        memcpy(&high, bytes + len - 4, 4);
        return (uint64_t)high << 32 | low;
    }
    if (len == 0) return 0;
    return (uint64_t)bytes[0] | (uint64_t)bytes[len / 2] << 8 | (uint64_t)bytes[len - 1] << 16;
}

uint64_t base_hash(const void *data, size_t len, uint64_t seed)
{
    const unsigned char *bytes = data;
    uint64_t hash = seed ^ (len * 0x9e3779b97f4a7c15u);
    for (; len >= 8; len -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        hash = mix(hash ^ word);
    }
    return mix(hash ^ tail_of(bytes, len));
}

Map base_map(Arena *arena)
{
    return (Map){.arena = arena};
}

static uint32_t *find_slot(const Map *map, uint64_t key)
{
    size_t mask = map->slot_count - 1;
    for (size_t i = mix(key) & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &map->slots[i];
        if (*slot == 0 || map->entries[*slot - 1].key == key) return slot;
    }
}

static void rehash(Map *map)
{
    map->slot_count = map->slot_count ? map->slot_count * 2 : 16;
    map->slots = NEW_ARRAY(map->arena, uint32_t, map->slot_count);
    for (size_t i = 0; i < map->len; i++) *find_slot(map, map->entries[i].key) = (uint32_t)(i + 1);
}

void *base_map_get(const Map *map, uint64_t key)
{
    if (map->slot_count == 0) return NULL;
    uint32_t slot = *find_slot(map, key);
    return slot ? map->entries[slot - 1].value : NULL;
}

void base_map_put(Map *map, uint64_t key, void *value)
{
    if ((map->len + 1) * 2 > map->slot_count) rehash(map);
    uint32_t *slot = find_slot(map, key);
    if (*slot) {
        map->entries[*slot - 1].value = value;
        return;
    }
    if (map->len == map->cap)
        map->entries = base_grow(map->arena, map->entries, map->len, &map->cap, sizeof(MapEntry));
    map->entries[map->len++] = (MapEntry){key, value};
    *slot = (uint32_t)map->len;
}

struct Interner {
    Arena *arena;
    const Name **slots;
    size_t count, slot_count;
};

Interner *base_interner_create(Arena *arena)
{
    Interner *interner = NEW(arena, Interner);
    interner->arena = arena;
    interner->slot_count = 256;
    interner->slots = NEW_ARRAY(arena, const Name *, interner->slot_count);
    return interner;
}

static const Name **find_name(const Interner *interner, const char *text, size_t len, uint32_t hash)
{
    size_t mask = interner->slot_count - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        const Name *name = interner->slots[i];
        if (!name) return &interner->slots[i];
        if (name->hash == hash && name->len == len && memcmp(name->text, text, len) == 0)
            return &interner->slots[i];
    }
}

static void grow_interner(Interner *interner)
{
    const Name **old = interner->slots;
    size_t old_count = interner->slot_count;
    interner->slot_count *= 2;
    interner->slots = NEW_ARRAY(interner->arena, const Name *, interner->slot_count);
    for (size_t i = 0; i < old_count; i++)
        if (old[i]) *find_name(interner, old[i]->text, old[i]->len, old[i]->hash) = old[i];
}

const Name *base_intern(Interner *interner, const char *text, size_t len)
{
    uint32_t hash = (uint32_t)base_hash(text, len, 0);
    const Name **slot = find_name(interner, text, len, hash);
    if (*slot) return *slot;
    if ((interner->count + 1) * 2 > interner->slot_count) {
        grow_interner(interner);
        slot = find_name(interner, text, len, hash);
    }
    Name *name = base_alloc(interner->arena, sizeof *name + len + 1);
    name->len = (uint32_t)len;
    name->hash = hash;
    memcpy(name->text, text, len);
    interner->count++;
    return *slot = name;
}

const Name *base_intern_cstr(Interner *interner, const char *text)
{
    return base_intern(interner, text, strlen(text));
}
