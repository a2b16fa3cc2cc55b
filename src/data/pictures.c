/* pictures.c - see pictures.h */
#include "data/pictures.h"
#include "data/text.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static int ends_with(const char *path, const char *const *ending, size_t n) {
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < n; i++)
        if (!strcasecmp(dot + 1, ending[i])) return 1;
    return 0;
}

/* Kinds that are not read are among them: they are to be named, not left out without a word. */
static int is_picture(const char *path) {
    static const char *const ending[] = {"jpg",  "jpeg", "jpe",  "jfif", "png",  "bmp",
                                         "gif",  "ppm",  "pgm",  "pnm",  "webp", "tif",
                                         "tiff", "heic", "heif", "avif", "jxl"};
    return ends_with(path, ending, sizeof ending / sizeof *ending);
}

static int is_list(const char *path) {
    static const char *const ending[] = {"txt", "list"};
    return ends_with(path, ending, sizeof ending / sizeof *ending);
}

static int is_folder(const char *path) {
    struct stat s;
    return !stat(path, &s) && S_ISDIR(s.st_mode);
}

static int add(picture_list *l, const char *path, const char *list, char *err) {
    if (l->n == l->room) {
        size_t room = 2 * (size_t)l->room + 64;
        char **p = realloc(l->path, room * sizeof *p);
        if (p) l->path = p;
        const char **q = realloc(l->list, room * sizeof *q);
        if (q) l->list = q;
        if (p && q) l->room = (int)room;
    }
    if (l->n < l->room && (l->path[l->n] = strdup(path))) {
        l->list[l->n++] = list;
        return 0;
    }
    return fail(err, "not enough memory for the names of %d pictures", l->n + 1);
}

static int add_folder(picture_list *l, const char *folder, char *err) {
    struct dirent **d = NULL;
    int n = scandir(folder, &d, NULL, alphasort), bad = n < 0, before = l->n;
    if (bad) fail(err, "%s: %s", path_tail(folder), strerror(errno));
    for (int i = 0; i < n; i++) {
        char path[2 * PATH_LEN];
        const char *name = d[i]->d_name;
        snprintf(path, sizeof path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/",
                 name);
        if (!bad && name[0] != '.' && is_picture(name) && !is_folder(path))
            bad = add(l, path, NULL, err);
        free(d[i]);
    }
    free(d);
    if (!bad && l->n == before)
        bad = fail(err, "%s: no pictures (.jpg, .png, ...) in this folder", path_tail(folder));
    return bad ? -1 : 0;
}

static int add_list(picture_list *l, const char *list, char *err) {
    data_text t;
    char path[PATH_LEN];
    int bad = data_list_read(list, &t, err);
    for (int i = 0; i < t.n && !bad; i++) {
        path_find(path, t.line[i], list, NULL);
        bad = add(l, path, list, err);
    }
    data_text_free(&t);
    return bad;
}

static int add_stdin(picture_list *l, char *err) {
    char *line = NULL;
    size_t room = 0;
    int bad = 0, before = l->n;
    while (!bad && getline(&line, &room, stdin) >= 0) {
        char *at = line + strspn(line, " \t\r\n"), *end = at + strlen(at);
        while (end > at && strchr(" \t\r\n", end[-1])) *--end = 0;
        if (*at) bad = add(l, at, NULL, err);
    }
    free(line);
    if (!bad && l->n == before)
        bad = fail(err, "standard input: no paths of pictures came from there");
    return bad;
}

int pictures_find(picture_list *l, const char *const *arg, int n, char *err) {
    int bad = 0;
    *l = (picture_list){.many = n > 1};
    for (int i = 0; i < n && !bad; i++) {
        int from_stdin = !strcmp(arg[i], "-"), folder = !from_stdin && is_folder(arg[i]);
        l->many |= from_stdin || folder || is_list(arg[i]);
        if (from_stdin)
            bad = add_stdin(l, err);
        else if (folder)
            bad = add_folder(l, arg[i], err);
        else if (is_list(arg[i]))
            bad = add_list(l, arg[i], err);
        else
            bad = add(l, arg[i], NULL, err);
    }
    if (bad) pictures_free(l);
    return bad;
}

void pictures_free(picture_list *l) {
    for (int i = 0; i < l->n; i++) free(l->path[i]);
    free(l->path);
    free(l->list);
    *l = (picture_list){0};
}

static int read_one(const picture_list *l, int i, raster *r, char *err) {
    *r = (raster){0};
    if (l->list[i] && access(l->path[i], F_OK))
        return data_missing(l->path[i], "picture", l->list[i], err);
    return raster_read(l->path[i], 3, r, err);
}

static int refuse(const picture_list *l, char *err) {
    size_t n = strlen(err);
    if (l->many) snprintf(err + n, ERR_LEN - n, "; or go on without such pictures: -skip_bad");
    return -1;
}

/* What is missing is known before the first picture is shown. */
static int all_there(const picture_list *l, char *err) {
    raster r;
    for (int i = 0; i < l->n; i++) {
        if (!access(l->path[i], R_OK) || !read_one(l, i, &r, err)) continue;
        return refuse(l, err);
    }
    return 0;
}

int pictures_each(const picture_list *l, int skip_bad, picture_seen seen, void *arg, int *skipped,
                  char *err) {
    *skipped = 0;
    if (!skip_bad && all_there(l, err)) return -1;
    for (int i = 0; i < l->n; i++) {
        raster r;
        if (!read_one(l, i, &r, err)) {
            int bad = seen(arg, i, &r, err);
            raster_free(&r);
            if (bad) return -1;
        } else if (skip_bad) {
            fprintf(stderr, "skipped: %s\n", err);
            ++*skipped;
        } else {
            return refuse(l, err);
        }
    }
    if (*skipped < l->n) return 0;
    return fail(err, "none of %d pictures can be read", l->n);
}

int pictures_out_ready(const picture_list *l, const char *out, char *err) {
    if (!out || !l->many || is_folder(out)) return 0;
    if (!is_picture(out) && !mkdir(out, 0777)) return 0;
    return fail(err, "-out %s: several pictures are drawn into a folder, and this is none%s%s",
                path_tail(out), is_picture(out) ? "" : ": ",
                is_picture(out) ? "" : strerror(errno));
}

void pictures_out(char *name, const picture_list *l, const char *out, int i) {
    const char *file = path_name(l->path[i]);
    int stem = path_stem(file);
    size_t n = strlen(out);
    if (l->many || is_folder(out))
        snprintf(name, PATH_LEN, "%s/%06d-%.*s.png", out, i + 1, stem < 200 ? stem : 200, file);
    else
        snprintf(name, PATH_LEN, "%s%s", out, n > 4 && !strcmp(out + n - 4, ".png") ? "" : ".png");
}
