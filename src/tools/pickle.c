/* pickle.c - see pickle.h. The instructions' meaning: CPython's pickletools; protocol 2, as
 * torch.save writes it. */
#include "tools/pickle.h"
#include "base/error.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MARK = -2, MEMO_MAX = 1 << 16 };

static const char *const known_names[] = {
    "collections\nOrderedDict", "torch._utils\n_rebuild_tensor_v2", "torch\nFloatStorage"};
enum { NAME_DICT, NAME_TENSOR, NAME_FLOATS, NAMES };

int pickle_begin(pickle *k, const unsigned char *p, size_t len) {
    memset(k, 0, sizeof *k);
    if (len > INT_MAX / 4) return -1;
    /* No instruction makes more than one value, link and stack place for each of its bytes. */
    k->room = (int)len + 1;
    k->p = p;
    k->len = len;
    k->v = malloc((size_t)k->room * sizeof *k->v);
    k->link = malloc((size_t)k->room * sizeof *k->link);
    k->stack = malloc((size_t)k->room * sizeof *k->stack);
    k->memo = malloc(MEMO_MAX * sizeof *k->memo);
    if (k->v && k->link && k->stack && k->memo) return 0;
    pickle_end(k);
    return -1;
}

void pickle_end(pickle *k) {
    free(k->v);
    free(k->link);
    free(k->stack);
    free(k->memo);
    memset(k, 0, sizeof *k);
}

static int complain(const pickle *k, const char *what, char *err) {
    return fail(err, "byte %zu: %s", k->at, what);
}

static int is_text(const pickle *k, int v, const char *text) {
    return k->v[v].len == strlen(text) && !memcmp(k->v[v].text, text, k->v[v].len);
}
static int pickle_is(const pickle *k, int v, const char *text) {
    return v >= 0 && k->v[v].kind == PK_TEXT && is_text(k, v, text);
}

int pickle_part(const pickle *k, int v, int i) {
    if (v < 0 || (k->v[v].kind != PK_TUPLE && k->v[v].kind != PK_LIST) || i < 0 || i >= k->v[v].n)
        return -1;
    int l = k->v[v].first;
    while (i--) l = k->link[l].next;
    return k->link[l].value;
}

int pickle_get(const pickle *k, int dict, const char *key) {
    if (dict < 0 || k->v[dict].kind != PK_DICT) return -1;
    int found = -1;
    for (int i = 0, l = k->v[dict].first; i < k->v[dict].n; i += 2) {
        int value = k->link[l].next;
        if (pickle_is(k, k->link[l].value, key))
            found = k->link[value].value; /* the last one counts, as in Python */
        l = k->link[value].next;
    }
    return found;
}

/* ---- the machine ---- */

static int push(pickle *k, pk_kind kind, long long number) {
    k->v[k->n_v] = (pk_value){.kind = kind, .number = number, .first = -1, .last = -1};
    k->stack[k->n_stack++] = k->n_v++;
    return 0;
}

/* The value on top, taken; -1: nothing there, or a mark. */
static int pop(pickle *k) {
    if (!k->n_stack || k->stack[k->n_stack - 1] < 0) return -1;
    return k->stack[--k->n_stack];
}

static int add_part(pickle *k, int to, int value) {
    pk_value *v = &k->v[to];
    if (k->n_link >= k->room) return -1;
    k->link[k->n_link] = (pk_link){value, -1};
    if (v->last >= 0)
        k->link[v->last].next = k->n_link;
    else
        v->first = k->n_link;
    v->last = k->n_link++;
    v->n++;
    return 0;
}

/* The place of the topmost mark in the stack, or -1. */
static int find_mark(const pickle *k) {
    int i = k->n_stack - 1;
    while (i >= 0 && k->stack[i] != MARK) i--;
    return i;
}

/* Everything from place `from` on becomes parts of `to`. */
static int take_parts(pickle *k, int from, int to, char *err) {
    for (int i = from; i < k->n_stack; i++) {
        if (k->stack[i] < 0 || add_part(k, to, k->stack[i]))
            return complain(k, "its stack is in disorder", err);
    }
    return 0;
}

static int make_tuple(pickle *k, int from, int had_mark, char *err) {
    if (from < 0) return complain(k, "its stack is in disorder", err);
    int to = k->n_v++;
    k->v[to] = (pk_value){.kind = PK_TUPLE, .first = -1, .last = -1};
    if (take_parts(k, from, to, err)) return -1;
    k->n_stack = from - had_mark;
    k->stack[k->n_stack++] = to;
    return 0;
}

/* SETITEMS, APPENDS: what lies above the mark goes into what lies below it. */
static int extend(pickle *k, pk_kind kind, int from, int had_mark, char *err) {
    int to = from - had_mark - 1;
    if (from < 0 || to < 0 || k->stack[to] < 0 || k->v[k->stack[to]].kind != kind ||
        (kind == PK_DICT && (k->n_stack - from) % 2))
        return complain(k, "its stack is in disorder", err);
    if (take_parts(k, from, k->stack[to], err)) return -1;
    k->n_stack = to + 1;
    return 0;
}

static int name_of(const pickle *k, int v) {
    for (int i = 0; i < NAMES; i++)
        if (v >= 0 && k->v[v].kind == PK_NAME && is_text(k, v, known_names[i])) return i;
    return -1;
}

/* "module\nname\n" */
static int global(pickle *k, char *err) {
    const unsigned char *p = k->p + k->at, *nl = memchr(p, '\n', k->len - k->at);
    const unsigned char *end = nl ? memchr(nl + 1, '\n', k->len - k->at - (size_t)(nl + 1 - p))
                                  : NULL;
    if (!end) return complain(k, "it is cut short", err);
    push(k, PK_NAME, 0);
    pk_value *v = &k->v[k->n_v - 1];
    v->text = p;
    v->len = (size_t)(end - p);
    if (name_of(k, k->n_v - 1) < 0) {
        char text[200], module[64], name[64];
        size_t m = 0, n = 0;
        /* Only letters that cannot disturb a terminal are shown. */
        for (const unsigned char *q = p; q < nl && m < sizeof module - 1; q++)
            module[m++] = *q > 32 && *q < 127 ? (char)*q : '?';
        for (const unsigned char *q = nl + 1; q < end && n < sizeof name - 1; q++)
            name[n++] = *q > 32 && *q < 127 ? (char)*q : '?';
        snprintf(text, sizeof text,
                 "it asks for %.*s.%.*s; only tensors of float32 are read, and nothing is run",
                 (int)m, module, (int)n, name);
        return complain(k, text, err);
    }
    k->at += v->len + 1;
    return 0;
}

/* function, arguments -> value */
static int reduce(pickle *k, char *err) {
    int args = pop(k), f = pop(k);
    if (args < 0 || f < 0 || k->v[args].kind != PK_TUPLE)
        return complain(k, "its stack is in disorder", err);
    switch (name_of(k, f)) {
    case NAME_DICT:
        if (k->v[args].n) break;
        return push(k, PK_DICT, 0);
    case NAME_TENSOR: { /* storage, offset, size, stride, requires_grad, hooks */
        int storage = pickle_part(k, args, 0), offset = pickle_part(k, args, 1),
            size = pickle_part(k, args, 2), stride = pickle_part(k, args, 3);
        if (k->v[args].n < 4 || k->v[storage].kind != PK_STORAGE || k->v[offset].kind != PK_INT ||
            k->v[size].kind != PK_TUPLE || k->v[stride].kind != PK_TUPLE)
            break;
        push(k, PK_TENSOR, k->v[offset].number);
        pk_value *t = &k->v[k->n_v - 1];
        t->storage = storage;
        t->size = size;
        t->stride = stride;
        return 0;
    }
    default: break;
    }
    return complain(k, "a call that no file of tensors holds; nothing is run", err);
}

/* ('storage', FloatStorage, key, device, length, ...) -> STORAGE */
static int storage(pickle *k, char *err) {
    int id = pop(k), key = pickle_part(k, id, 2), length = pickle_part(k, id, 4);
    if (!pickle_is(k, pickle_part(k, id, 0), "storage") ||
        name_of(k, pickle_part(k, id, 1)) != NAME_FLOATS || key < 0 || k->v[key].kind != PK_TEXT ||
        length < 0 || k->v[length].kind != PK_INT || k->v[length].number < 0) {
        return complain(k, "a tensor that is not of float32", err);
    }
    push(k, PK_STORAGE, k->v[length].number);
    k->v[k->n_v - 1].text = k->v[key].text;
    k->v[k->n_v - 1].len = k->v[key].len;
    return 0;
}

/* n bytes, little-endian; -1: cut short. */
static long long number(pickle *k, size_t n) {
    unsigned long long v = 0;
    if (k->len - k->at < n) return -1;
    for (size_t i = 0; i < n; i++) v |= (unsigned long long)k->p[k->at + i] << 8 * i;
    k->at += n;
    return (long long)v;
}

static int text(pickle *k, size_t digits, char *err) {
    long long n = number(k, digits);
    if (n < 0 || (unsigned long long)n > k->len - k->at) return complain(k, "it is cut short", err);
    push(k, PK_TEXT, 0);
    k->v[k->n_v - 1].text = k->p + k->at;
    k->v[k->n_v - 1].len = (size_t)n;
    k->at += (size_t)n;
    return 0;
}

/* LONG1 holds numbers of any length: they are kept as text, which torch's magic number is compared
 * with. */
static int integer(pickle *k, int op, char *err) {
    if (op == 0x8a) {
        if (text(k, 1, err)) return -1;
        pk_value *v = &k->v[k->n_v - 1];
        if (v->len > 7) return 0;
        v->kind = PK_INT;
        for (size_t i = 0; i < v->len; i++) v->number |= (long long)v->text[i] << 8 * i;
        return 0;
    }
    size_t n = op == 'K' ? 1 : op == 'M' ? 2 : 4;
    if (k->len - k->at < n) return complain(k, "it is cut short", err);
    long long v = number(k, n);
    return push(k, PK_INT, op == 'J' ? (int32_t)(uint32_t)v : v);
}

static int memo(pickle *k, int op, char *err) {
    long long i = number(k, op == 'q' || op == 'h' ? 1 : 4);
    if (op == 'h' || op == 'j') {
        if (i < 0 || i >= k->n_memo || k->memo[i] < 0)
            return complain(k, "it refers to nothing", err);
        k->stack[k->n_stack++] = k->memo[i];
        return 0;
    }
    if (i < 0 || i >= MEMO_MAX || !k->n_stack || k->stack[k->n_stack - 1] < 0)
        return complain(k, "its stack is in disorder", err);
    while (k->n_memo <= i) k->memo[k->n_memo++] = -1;
    k->memo[i] = k->stack[k->n_stack - 1];
    return 0;
}

/* OrderedDict's attributes (torch's _metadata) are of no use here. */
static int build(pickle *k, char *err) {
    int state = pop(k);
    if (state < 0 || !k->n_stack || k->stack[k->n_stack - 1] < 0 ||
        k->v[k->stack[k->n_stack - 1]].kind != PK_DICT) {
        return complain(k, "a call that no file of tensors holds; nothing is run", err);
    }
    return 0;
}

static int step(pickle *k, int op, char *err) {
    switch (op) {
    case '(': k->stack[k->n_stack++] = MARK; return 0;
    case '}': return push(k, PK_DICT, 0);
    case ']': return push(k, PK_LIST, 0);
    case ')': return push(k, PK_TUPLE, 0);
    case 'N': return push(k, PK_NONE, 0);
    case 0x88: return push(k, PK_BOOL, 1);
    case 0x89: return push(k, PK_BOOL, 0);
    case 't': return make_tuple(k, find_mark(k) < 0 ? -1 : find_mark(k) + 1, 1, err);
    case 0x85:
    case 0x86:
    case 0x87: return make_tuple(k, k->n_stack - (op - 0x84), 0, err);
    case 'u': return extend(k, PK_DICT, find_mark(k) < 0 ? -1 : find_mark(k) + 1, 1, err);
    case 's': return extend(k, PK_DICT, k->n_stack - 2, 0, err);
    case 'e': return extend(k, PK_LIST, find_mark(k) < 0 ? -1 : find_mark(k) + 1, 1, err);
    case 'a': return extend(k, PK_LIST, k->n_stack - 1, 0, err);
    case 'X': return text(k, 4, err);
    case 'K':
    case 'M':
    case 'J':
    case 0x8a: return integer(k, op, err);
    case 'q':
    case 'r':
    case 'h':
    case 'j': return memo(k, op, err);
    case 'c': return global(k, err);
    case 'R': return reduce(k, err);
    case 'Q': return storage(k, err);
    case 'b': return build(k, err);
    default: break;
    }
    char what[96];
    snprintf(what, sizeof what, "instruction %02x, which no file of tensors holds; nothing is run",
             op);
    return complain(k, what, err);
}

int pickle_read(pickle *k, char *err) {
    k->n_stack = k->n_memo = 0;
    if (k->len - k->at < 2 || k->p[k->at] != 0x80 || k->p[k->at + 1] != 2)
        return complain(k, "no pickle of protocol 2", err);
    k->at += 2;
    while (k->at < k->len) {
        int op = k->p[k->at++];
        if (op == '.') {
            int v = pop(k);
            return v >= 0 && !k->n_stack ? v : complain(k, "its stack is in disorder", err);
        }
        if (step(k, op, err)) return -1;
    }
    return complain(k, "it is cut short", err);
}
