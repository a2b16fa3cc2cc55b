/* compare.h - `metaperturb compare`: targets x networks x methods x seeds, each cell trained and
 * tested, one line of JSON each.
 *
 * A SUITE has the syntax of a cfg: one [suite], then any [target], [network], [method], in an order
 * that is the order of the cells.
 *   [suite]    results=FILE    lines of JSON, one a cell (required)
 *              seeds=1,2,3     (default 1)
 *              threads=1       of a cell
 *              hours=H         the program stops after so long; cells that fit into what is left
 *                              come first, by a few steps of each network timed at the start (what
 *                              -list shows for missing cells)
 *              order=network,method,target,seed     the outermost first; seeds=, targets=, ...
 *                              below restrict what runs
 *   [target]   name=           data=FILE.data
 *   [network]  name=           cfg=FILE.cfg (with [perturb])
 *              plain=FILE.cfg  its twin (default: cfg= with its [perturb] taken out)
 *              targets=a,b     methods=a,b   seeds=1,2     only these
 *   [method]   name=           cfg=plain (default) | perturb: which of the two
 *              targets=, networks=, seeds=                 only these
 *              phi=FILE        of [meta_shared]; none: as the cfg says, else random from the seed
 *              weights=FILE    fine-tuning: theta of a network trained before; its classifier drawn
 *                              anew where the classes differ
 *              replace=dropout (with cfg=perturb) a [dropout] in the place of each [perturb], after
 *                              the activation
 *              against=NAME    the method it is compared with (default: the first of the file)
 *              temperature=1   a row with temperature scaling in the table (default: those that
 *                              others are compared with)
 * In all four, later ones above earlier ones ([suite], [target], [network], [method]):
 *              steps=, epochs= length of the training (default: the cfg's); [net] steps= moves
 *                              along in proportion
 *              samples=        noise samples a test image besides the one deterministic pass (0:
 *                              that pass alone)
 *              batch=, learning_rate=, decay=, adam=, momentum=     of [net]
 *              SECTION.KEY=    any key of the cfg, in every section of that name:
 *                              perturb.noise=0, dropout.probability=0.25
 * {network} and {target} in phi= and weights= stand for the names. Paths are tried as they are,
 * then from the SUITE's folder.
 *
 * A cell that is stopped or killed keeps its state in RESULTS.cells/ (written every minute) and
 * goes on there, bit for bit. A cell is found again by a hash of all that defines it: effective
 * cfg, phi's numbers, weights file, images and labels, seed, samples. The seed means the same to
 * all methods (initial weights, order and augmentation of images), so that differences are paired
 * by seed. */
#ifndef MP_COMPARE_H
#define MP_COMPARE_H

typedef struct {
    const char *suite, *cell,
        *plot; /* cell: TARGET/NETWORK/METHOD/SEED or the first digits of a hash */
    int list, table;
} compare_args;

/* Runs what no line is there for, in this process or over the ranks of mpirun; several programs may
 * share a results file. Or, of what is there: the list, the table, the pictures, one cell run again
 * (-1 where it came out otherwise). 0, or -1 and err. */
int compare(const compare_args *a, char *err);
#endif
