#include "hdc/hdc.h"
ExitStatus verb_explain(Options *o)
{
    (void)o;
    return EXIT_CALL;
}
