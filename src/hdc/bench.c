#include "hdc/hdc.h"
ExitStatus verb_bench(Options *o)
{
    (void)o;
    return EXIT_CALL;
}
