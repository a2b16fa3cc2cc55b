/* test_raster.c - decoding: exact where the format is, EXIF orientations, every damaged file
 * refused, no shell. */
#include "data/raster_internal.h"
#include "data_make.h"
#include "base/files.h"
#include <darknet.h>
#include <fcntl.h>
#include <sys/wait.h>

image load_image_cv(char *filename, int channels);

static int same(const raster *a, const raster *b) {
    return a->px && a->w == b->w && a->h == b->h && a->c == b->c &&
           !memcmp(a->px, b->px, (size_t)a->w * (size_t)a->h * (size_t)a->c);
}

static int far_off(const raster *a, const raster *b) {
    int worst = 0;
    if (!a->px || a->w != b->w || a->h != b->h || a->c != b->c) return 999;
    for (int i = 0; i < a->w * a->h * a->c; i++)
        if (abs(a->px[i] - b->px[i]) > worst) worst = abs(a->px[i] - b->px[i]);
    return worst;
}

static raster grayed(const raster *r) {
    raster g = {r->w, r->h, 1, malloc((size_t)r->w * (size_t)r->h)};
    for (int i = 0; i < r->w * r->h; i++) {
        const unsigned char *p = r->px + 3 * i;
        g.px[i] = (unsigned char)floor(0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2] + 0.5);
    }
    return g;
}

static raster decode(m_bytes b, int c) {
    raster r;
    err[0] = 0;
    raster_decode(b.p, b.n, "x", c, &r, err);
    return r;
}

/* rows in a PNG of depth and type must become want, and its gray. */
static void png_case(const char *name, const unsigned char *rows, const raster *want, int depth,
                     int type, int inter, png_color *pal) {
    m_bytes b = m_png(rows, want->w, want->h, depth, type, inter, pal, NULL, 0);
    raster r = decode(b, 3), g = decode(b, 1), wg = grayed(want);
    CHECK(same(&r, want), "%s: %s", name, err);
    CHECK(far_off(&g, &wg) <= 1, "%s as gray: off by %d %s", name, far_off(&g, &wg), err);
    raster_free(&r);
    raster_free(&g);
    free(wg.px);
    free(b.p);
}

static void test_png(void) {
    enum { W = 13, H = 9, N = W * H };
    raster rgb = m_picture(W, H, 3, 0), gray = m_picture(W, H, 3, 0);
    unsigned char rows[N * 8];
    png_color pal[16];
    for (int i = 0; i < N; i++) gray.px[3 * i + 1] = gray.px[3 * i + 2] = gray.px[3 * i];
    png_case("RGB", rgb.px, &rgb, 8, PNG_COLOR_TYPE_RGB, 0, NULL);
    png_case("RGB, interlaced", rgb.px, &rgb, 8, PNG_COLOR_TYPE_RGB, 1, NULL);
    for (int i = 0; i < N; i++) {
        memcpy(rows + 4 * i, rgb.px + 3 * i, 3);
        rows[4 * i + 3] = (unsigned char)m_rand();
    }
    png_case("RGBA: alpha dropped", rows, &rgb, 8, PNG_COLOR_TYPE_RGBA, 1, NULL);
    for (int i = 0; i < 3 * N; i++) {
        rows[2 * i] = rgb.px[i];
        rows[2 * i + 1] = (unsigned char)m_rand();
    }
    png_case("RGB of 16 bits", rows, &rgb, 16, PNG_COLOR_TYPE_RGB, 0, NULL);
    for (int i = 0; i < N; i++) rows[i] = gray.px[3 * i];
    png_case("gray", rows, &gray, 8, PNG_COLOR_TYPE_GRAY, 0, NULL);
    for (int i = 0; i < 16; i++)
        pal[i] = (png_color){(png_byte)m_rand(), (png_byte)m_rand(), (png_byte)m_rand()};
    int stride = (W + 1) / 2;
    memset(rows, 0, sizeof rows);
    for (int i = 0; i < N; i++) {
        int v = (int)(m_rand() >> 8) & 15, x = i % W;
        rows[i / W * stride + x / 2] |= (unsigned char)(x & 1 ? v : v << 4);
        memcpy(rgb.px + 3 * i, &pal[v], 3);
        memset(gray.px + 3 * i, 17 * v, 3);
    }
    png_case("palette of 16", rows, &rgb, 4, PNG_COLOR_TYPE_PALETTE, 0, pal);
    png_case("gray of 4 bits", rows, &gray, 4, PNG_COLOR_TYPE_GRAY, 1, NULL);
    free(rgb.px);
    free(gray.px);
}

static void test_jpeg(void) {
    raster rgb = m_picture(61, 43, 3, 1), g = m_picture(30, 20, 1, 1), wg = grayed(&rgb);
    for (int progressive = 0; progressive < 2; progressive++) {
        m_bytes b = m_jpeg(&rgb, progressive, NULL, 0);
        raster r = decode(b, 3), one = decode(b, 1);
        CHECK(far_off(&r, &rgb) <= 8, "JPEG off by %d %s", far_off(&r, &rgb), err);
        CHECK(far_off(&one, &wg) <= 6, "gray of a JPEG off by %d %s", far_off(&one, &wg), err);
        raster_free(&r);
        raster_free(&one);
        free(b.p);
    }
    m_bytes b = m_jpeg(&g, 0, NULL, 0);
    raster one = decode(b, 1), three = decode(b, 3);
    CHECK(far_off(&one, &g) <= 4 && three.px && three.c == 3, "gray JPEG off by %d %s",
          far_off(&one, &g), err);
    int equal = three.px != NULL;
    for (int i = 0; equal && i < 600; i++)
        for (int k = 0; k < 3; k++) equal = three.px[3 * i + k] == one.px[i];
    CHECK(equal, "a gray JPEG as RGB is its gray three times");
    raster_free(&one);
    raster_free(&three);
    free(b.p);
    /* CMYK of one colour: what each channel and black leave of the light. */
    raster cmyk = {16, 16, 4, malloc(1024)};
    for (int i = 0; i < 256; i++) memcpy(cmyk.px + 4 * i, (unsigned char[]){200, 100, 50, 128}, 4);
    b = m_jpeg(&cmyk, 0, NULL, 0);
    raster r = decode(b, 3);
    CHECK(r.px && abs(r.px[0] - 100) <= 2 && abs(r.px[1] - 50) <= 2 && abs(r.px[2] - 25) <= 2,
          "CMYK: %s", err);
    raster_free(&r);
    free(b.p);
    free(cmyk.px);
    free(rgb.px);
    free(g.px);
    free(wg.px);
}

/* The standard's words: orientation says which sides of the upright picture the stored row 0 and
 * column 0 are. */
static void upright(int o, int i, int j, int rows, int cols, int *x, int *y) {
    static const char *const side[9] = {"", "tl", "tr", "br", "bl", "lt", "rt", "rb", "lb"};
    for (int k = 0; k < 2; k++) {
        int n = k ? j : i, len = k ? cols : rows;
        switch (side[o][k]) {
        case 't': *y = n; break;
        case 'b': *y = len - 1 - n; break;
        case 'l': *x = n; break;
        default: *x = len - 1 - n;
        }
    }
}

static void check_turned(const char *what, int o, const raster *r, const raster *base) {
    int wrong = !r->px || r->w != (o > 4 ? base->h : base->w) ||
                r->h != (o > 4 ? base->w : base->h);
    for (int i = 0; i < base->h && !wrong; i++) {
        for (int j = 0; j < base->w && !wrong; j++) {
            int x = 0, y = 0;
            upright(o, i, j, base->h, base->w, &x, &y);
            wrong = memcmp(r->px + 3 * (y * r->w + x), base->px + 3 * (i * base->w + j), 3);
        }
    }
    CHECK(!wrong, "%s, orientation %d: %s", what, o, err);
}

static void test_exif(void) {
    raster src = m_picture(21, 10, 3, 0);
    m_bytes plain = m_jpeg(&src, 0, NULL, 0);
    raster base = decode(plain, 3);
    unsigned char app1[64] = "Exif\0";
    for (int o = 1; o <= 8; o++) {
        for (int big = 0; big < 2; big++) {
            unsigned n = m_exif(app1 + 6, big, o);
            m_bytes b = m_jpeg(&src, 0, app1, n + 6),
                    p = m_png(src.px, 21, 10, 8, PNG_COLOR_TYPE_RGB, 0, NULL, app1 + 6, n);
            raster r = decode(b, 3), q = decode(p, 3);
            check_turned("JPEG", o, &r, &base);
            check_turned("PNG", o, &q, &src);
            raster_free(&r);
            raster_free(&q);
            free(b.p);
            free(p.p);
        }
    }
    /* Damaged in any way: some orientation, and nothing read beyond the end (AddressSanitizer
     * watches). */
    int odd = 0, found = 0;
    for (int n = 0; n < 20000; n++) {
        unsigned char tiff[64];
        unsigned len = m_exif(tiff, n & 1, 6);
        if (n >= 80)
            for (int k = 0; k < 1 + n % 4; k++)
                tiff[m_rand() % len] = (unsigned char)(n % 3 ? m_rand() : 255);
        len = n < 80 ? (unsigned)n / 2 : n % 2 ? len : m_rand() % (len + 1);
        unsigned char *exact = malloc(len + !len);
        memcpy(exact, tiff, len);
        int o = raster_exif_orientation(exact, len);
        odd += o < 1 || o > 8;
        found += o == 6;
        free(exact);
    }
    CHECK(!odd && found > 1000, "%d impossible orientations, %d found", odd, found);
    raster_free(&base);
    free(plain.p);
    free(src.px);
}

/* Every prefix refused, with the file named; every corruption survived. */
static void test_damage(void) {
    raster src = m_picture(24, 18, 3, 0), r;
    unsigned char bmp[54 + 24 * 18 * 3] = {'B', 'M'};
    memcpy(bmp + 2, (uint32_t[]){sizeof bmp, 0}, 8);
    memcpy(bmp + 10, (uint32_t[]){54, 40, 24, 18, 1 | 24 << 16, 0, 0, 0, 0, 0, 0}, 44);
    memcpy(bmp + 54, src.px, sizeof bmp - 54);
    m_bytes all[] = {m_jpeg(&src, 0, NULL, 0),
                     m_jpeg(&src, 1, NULL, 0),
                     m_png(src.px, 24, 18, 8, 2, 0, NULL, NULL, 0),
                     m_png(src.px, 24, 18, 8, 2, 1, NULL, NULL, 0),
                     {bmp, sizeof bmp}};
    static const char *const name[] = {"JPEG", "progressive JPEG", "PNG", "interlaced PNG", "BMP"};
    for (int k = 0; k < 5; k++) {
        int taken = 0, unnamed = 0, loud = 0;
        CHECK(raster_decode(all[k].p, all[k].n, "pic", 3, &r, err) == 0 && r.w == 24 && r.h == 18,
              "%s: %s", name[k], err);
        raster_free(&r);
        for (size_t n = 0; n < all[k].n; n++) {
            unsigned char *exact = malloc(n + !n);
            memcpy(exact, all[k].p, n);
            if (!raster_decode(exact, n, "pic", 3, &r, err))
                taken++;
            else
                unnamed += strncmp(err, "pic: ", 5) != 0 || r.px != NULL;
            raster_free(&r);
            free(exact);
        }
        CHECK(!taken && !unnamed, "%s: %d prefixes taken, %d not named", name[k], taken, unnamed);
        for (int n = 0; n < 1500; n++) {
            unsigned char *bad = malloc(all[k].n);
            memcpy(bad, all[k].p, all[k].n);
            size_t reach = n % 2            ? all[k].n
                           : all[k].n < 200 ? all[k].n
                                            : 200; /* headers get their share */
            for (int i = 0; i < 1 + n % 5; i++) bad[m_rand() % reach] = (unsigned char)m_rand();
            int rc = raster_decode(bad, all[k].n, "pic", 1 + n % 2 * 2, &r, err);
            loud += rc ? r.px != NULL : !r.px || r.c != 1 + n % 2 * 2;
            raster_free(&r);
            free(bad);
        }
        CHECK(!loud, "%s: %d corrupted files left a wrong picture", name[k], loud);
        if (k < 4) free(all[k].p);
    }
    free(src.px);
}

static void refused(const char *path, const char *part) {
    raster r;
    CHECK(raster_read(path, 3, &r, err) == -1 && !r.px && strstr(err, part) && strstr(err, path),
          "%s: %s", path, err);
}

static void test_refusals(void) {
    raster r = m_picture(8, 8, 3, 0);
    m_bytes b = m_png(r.px, 8, 8, 8, 2, 0, NULL, NULL, 0);
    memcpy(b.p + 16, "\0\0\x9c\x40\0\0\x9c\x40",
           8); /* 40000 x 40000, with the checksum that belongs to it */
    uint32_t crc = file_crc32(b.p + 12, 17);
    for (int i = 0; i < 4; i++) b.p[29 + i] = (unsigned char)(crc >> (24 - 8 * i));
    m_put("huge.png", b.p, b.n);
    free(b.p);
    b = m_jpeg(&r, 0, NULL, 0);
    for (size_t i = 2; i + 9 < b.n; i++)
        if (b.p[i] == 0xff && b.p[i + 1] == 0xc0) {
            memset(b.p + i + 5, 0xfe, 4);
            break;
        }
    m_put("huge.jpg", b.p, b.n);
    free(b.p);
    free(r.px);
    m_text("empty.jpg", "%s", "");
    m_text("text.png", "this is no image\n");
    refused("huge.png", "at most");
    refused("huge.jpg", "at most");
    refused("empty.jpg", "empty");
    refused("text.png", "not a known image format");
    refused("missing.jpg", "No such file");
    refused(".", "folder");
    char name[3000];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    CHECK(raster_read(name, 3, &r, err) == -1 && strlen(err) < ERR_LEN, "a long name: %s", err);
}

/* Kinds that the bundled decoder would take are refused by name, before it sees them: it reads
 * outside its memory in a damaged PIC, TGA or HDR. Each in a child: a crash is a failure, not the
 * end. */
static int survives(const unsigned char *p, size_t n, char text[ERR_LEN]) {
    int to[2], status = 0;
    if (pipe(to)) m_die("pipe");
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        raster r;
        char why[ERR_LEN] = "";
        int taken = !raster_decode(p, n, "pic", 3, &r, why);
        if (write(to[1], why, sizeof why) < 0) _exit(9);
        _exit(taken);
    }
    close(to[1]);
    memset(text, 0, ERR_LEN);
    if (read(to[0], text, ERR_LEN - 1) < 0) text[0] = 0;
    close(to[0]);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_kinds(void) {
    unsigned char pic[110] = {0x53, 0x80, 0xf6, 0x34};
    memcpy(pic + 88, "PICT\0\3\0\2\x3f\x80\0\0\0\3\0\0\0\x08\2\xe0\3\1", 22);
    unsigned char tga[64] = {0, 1, 9, 0, 0, 0, 1, 8, 0, 0, 0, 0, 40, 0, 40, 0, 8};
    unsigned char bmp[64] = {'B', 'M'};
    memcpy(bmp + 2, tga, sizeof bmp - 2);
    static const char hdr[] = "#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 8 +X 8\n\2\2\0\x08\xff\xff",
                      webp[] = "RIFF\0\0\0\0WEBPVP8 ",
                      heic[] = "\0\0\0\x18"
                               "ftypheic",
                      tiff[] = "II*\0\x08\0\0\0", psd[] = "8BPS\0\1", p3[] = "P3 1 1 255 1 2 3\n";
    const struct {
        const void *p;
        size_t n;
        const char *says;
    } all[] = {{pic, sizeof pic, "Softimage PIC"},   {tga, sizeof tga, "not a known image format"},
               {bmp, sizeof bmp, "begins as a BMP"}, {hdr, sizeof hdr - 1, "Radiance HDR"},
               {webp, sizeof webp - 1, "WebP"},      {heic, sizeof heic - 1, "HEIC"},
               {tiff, sizeof tiff - 1, "TIFF"},      {psd, sizeof psd - 1, "PSD"},
               {p3, sizeof p3 - 1, "text PNM"}};
    static const char avif[] = "\0\0\0\x1c"
                               "ftypavif",
                      big[] = "MM\0*\0\0\0\x08",
                      mixed[] = "\0\0\0\x1c"
                                "ftypmif1\0\0\0\0mif1avif",
                      page[] = "<!DOCTYPE html><html>",
                      lfs[] = "version https://git-lfs.github.com/spec/v1\n";
    const struct {
        const void *p;
        size_t n;
        const char *kind, *remedy;
    } told[] = {{webp, sizeof webp - 1, "its kind is WebP,", "`dwebp "},
                {heic, sizeof heic - 1, "its kind is HEIC,", "`heif-convert "},
                {tiff, sizeof tiff - 1, "its kind is TIFF,", "`convert "},
                {big, sizeof big - 1, "its kind is TIFF,", "`convert "},
                {avif, sizeof avif - 1, "its kind is AVIF,", "`avifdec "},
                {mixed, sizeof mixed - 1, "its kind is AVIF,", "`avifdec "},
                {page, sizeof page - 1, "its kind is HTML,", "fetch the picture again"},
                {lfs, sizeof lfs - 1, "its kind is Git LFS,", "git lfs pull"}};
    raster none;
    for (size_t k = 0; k < sizeof told / sizeof *told; k++)
        CHECK(raster_decode(told[k].p, told[k].n, "x.jpg", 3, &none, err) &&
                  strstr(err, told[k].kind) && strstr(err, told[k].remedy),
              "%s: %s", told[k].kind, err);
    char text[ERR_LEN];
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        int status = survives(all[k].p, all[k].n, text);
        CHECK(status == 0 && strstr(text, all[k].says) && !strncmp(text, "pic: ", 5),
              "%s: status %d: %s", all[k].says, status, text);
    }
    raster r;
    static const unsigned char
        pnm[] = "P6 1 1 255\n\1\2\3",
        gif[] = "GIF89a\1\0\1\0\x80\0\0\7\x08\x09\0\0\0,\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;";
    CHECK(!raster_decode(pnm, sizeof pnm - 1, "pic", 3, &r, err) && r.px[2] == 3, "PNM: %s", err);
    raster_free(&r);
    CHECK(!raster_decode(gif, sizeof gif - 1, "pic", 3, &r, err) && r.px[1] == 8, "GIF: %s", err);
    raster_free(&r);
}

/* The host's own name, ours in front: floats, and on failure status 1 and nothing run. */
static void test_host(void) {
    raster r = m_picture(11, 7, 3, 0);
    m_put_png("good.png", &r);
    image im = load_image_cv("good.png", 0), g = load_image_cv("good.png", 1);
    int wrong = im.w != 11 || im.h != 7 || im.c != 3 || g.c != 1;
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 77; i++)
            wrong += im.data[77 * k + i] != (float)(r.px[3 * i + k] / 255.0);
    CHECK(!wrong, "load_image_cv: %d wrong", wrong);
    free_image(im);
    free_image(g);
    free(r.px);
    char text[512] = "";
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        int fd = open("stderr.txt", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || dup2(fd, 2) < 0) _exit(9);
        load_image_cv("no such;touch PWNED", 3);
        _exit(8);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    FILE *f = fopen("stderr.txt", "r");
    if (!f || !fgets(text, sizeof text, f)) m_die("stderr.txt");
    fclose(f);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %d", status);
    CHECK(!strncmp(text, "cannot read image no such;touch PWNED: ", 39), "it says: %s", text);
    CHECK(access("PWNED", F_OK) && access("bad.list", F_OK), "a shell ran");
}

int main(void) {
    m_open();
    test_png();
    test_jpeg();
    test_exif();
    test_damage();
    test_refusals();
    test_kinds();
    test_host();
    m_close();
    return t_done("test_raster");
}
