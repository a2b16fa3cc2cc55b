/* hush.h - stderr switched off while the host's parser talks, for our own commands only: the
 * descriptor belongs to the whole program, and other people's programs may use it from several
 * threads. */
#ifndef MP_HUSH_H
#define MP_HUSH_H
void host_hush(void);
void host_unhush(void); /* also before the last words of a program that ends meanwhile; nothing
                           happens where it is on */
#endif
