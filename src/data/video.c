/* video.c - see video.h. */
#include "data/video.h"
#include "base/library.h"
#include "data/video_opencv.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const video_calls *calls;

static int load(char *err) {
    if (!calls) calls = library_table("metaperturb-video.so", "video_opencv", RTLD_LAZY);
    if (calls) return 0;
    return fail(err,
                "videos are read by OpenCV, which this build lacks: install libopencv-dev and g++, "
                "and run make (%.600s)",
                dlerror());
}

struct video {
    void *from;
    int camera; /* -1: none */
    video_facts facts;
};

/* -1: the name of a file or an address. */
static int camera_of(const char *name) {
    static const char device[] = "/dev/video";
    const char *number = strncmp(name, device, sizeof device - 1) ? name : name + sizeof device - 1;
    size_t digits = strspn(number, "0123456789");
    return digits > 0 && digits < 5 && !number[digits] ? atoi(number) : -1;
}

static int is_there(const char *name, int camera, char *err) {
    struct stat s;
    char device[32];
    snprintf(device, sizeof device, "/dev/video%d", camera);
    if (camera >= 0) {
        if (!stat(device, &s)) return 0;
        return fail(err, "there is no camera %d (%s); a file of that name is ./%d", camera, device,
                    camera);
    }
    if (strstr(name, "://")) return 0;
    if (stat(name, &s) || access(name, R_OK))
        return fail_errno(err, path_tail(name), "cannot read");
    return S_ISDIR(s.st_mode) ? fail(err, "%s: a folder, no video", path_tail(name)) : 0;
}

video *video_open(const char *name, char *err) {
    int camera = camera_of(name);
    if (load(err) || is_there(name, camera, err)) return NULL;
    video *v = calloc(1, sizeof *v);
    if (!v) return fail_null(err, "not enough memory for a video");
    v->camera = camera;
    if ((v->from = calls->open(name, camera, &v->facts))) return v;
    free(v);
    if (camera >= 0)
        return fail_null(err, "camera %d gives no picture: does another program use it?", camera);
    return fail_null(err, "%s: OpenCV finds no video there that it can decode", path_tail(name));
}

int video_read(video *v, raster *r) {
    r->c = 3;
    return calls->read(v->from, &r->w, &r->h, &r->px);
}

void video_close(video *v) {
    if (v) calls->close(v->from);
    free(v);
}

int video_is_camera(const video *v) { return v->camera >= 0; }
double video_rate(const video *v) { return v->facts.rate; }
long video_frames(const video *v) { return v->facts.frames; }

struct video_out {
    void *to;
    int w, h; /* of the first frame */
    long frames;
    unsigned char *even; /* room for a frame of even sides, where these are odd */
    char tmp[PATH_LEN + 16], path[PATH_LEN];
};

static const char *ending(const char *path) {
    const char *dot = strrchr(path, '.');
    if (dot && !strcasecmp(dot, ".mp4")) return ".mp4";
    return dot && !strcasecmp(dot, ".avi") ? ".avi" : NULL;
}

int video_out_check(const char *path, char *err) {
    if (!path || ending(path)) return 0;
    return fail(err, "-out %s: the name of a video must end in .mp4 or .avi", path_tail(path));
}

static int even(int side) { return side + side % 2; }

/* H.264 plays in more places; not every OpenCV has it. */
static void *create(const video_out *o, double rate) {
    int w = even(o->w), h = even(o->h);
    if (!strcmp(ending(o->tmp), ".avi")) return calls->create(o->tmp, "MJPG", w, h, rate);
    void *to = calls->create(o->tmp, "avc1", w, h, rate);
    return to ? to : calls->create(o->tmp, "mp4v", w, h, rate);
}

video_out *video_out_open(const char *path, int w, int h, double rate, char *err) {
    video_out *o = calloc(1, sizeof *o);
    if (!o) return fail_null(err, "not enough memory for a video");
    o->w = w;
    o->h = h;
    /* Behind a symbolic link the file itself is replaced. */
    if (!realpath(path, o->path)) snprintf(o->path, sizeof o->path, "%s", path);
    snprintf(o->tmp, sizeof o->tmp, "%s.tmp%s", o->path, ending(path));
    if (w % 2 || h % 2) o->even = malloc(3 * (size_t)even(w) * (size_t)even(h));
    if ((w % 2 || h % 2) && !o->even)
        fail(err, "not enough memory for a frame of %d x %d", w, h);
    else if (!(o->to = create(o, rate)))
        fail(err, "%s: OpenCV cannot write this video (%d x %d, %g frames/s)", path_tail(path), w,
             h, rate);
    if (o->to) return o;
    video_out_abort(o);
    return NULL;
}

static void make_even(video_out *o, const raster *r) {
    size_t row = 3 * (size_t)o->w, wide = 3 * (size_t)even(o->w);
    for (int y = 0; y < even(o->h); y++) {
        const unsigned char *from = r->px + (size_t)(y < o->h ? y : o->h - 1) * row;
        unsigned char *to = o->even + (size_t)y * wide;
        memcpy(to, from, row);
        if (wide > row) memcpy(to + row, from + row - 3, 3);
    }
}

int video_out_write(video_out *o, const raster *r, char *err) {
    if (r->w != o->w || r->h != o->h)
        return fail(err, "%s: frames of one size belong in a video, but %d x %d follows %d x %d",
                    path_tail(o->path), r->w, r->h, o->w, o->h);
    if (o->even) make_even(o, r);
    o->frames++;
    if (!calls->write(o->to, even(o->w), even(o->h), o->even ? o->even : r->px)) return 0;
    return fail(err, "%s: frame %ld could not be written", path_tail(o->path), o->frames);
}

static int synced(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC), bad = fd < 0 || fsync(fd);
    if (fd >= 0) close(fd);
    return !bad;
}

/* OpenCV does not say whether it could write: the file itself does. */
int video_out_close(video_out *o, char *err) {
    int bad = 0;
    calls->finish(o->to);
    o->to = NULL;
    if (!calls->whole(o->tmp, o->frames) || !synced(o->tmp))
        bad = fail(err, "%s: the video could not be written whole: is there room on the disk?",
                   path_tail(o->path));
    else if (rename(o->tmp, o->path))
        bad = fail_errno(err, path_tail(o->path), "cannot write");
    if (!bad) o->tmp[0] = 0;
    video_out_abort(o);
    return bad;
}

void video_out_abort(video_out *o) {
    if (!o) return;
    if (o->to) calls->finish(o->to);
    if (o->tmp[0]) unlink(o->tmp);
    free(o->even);
    free(o);
}
