#include "hdc/hdc.h"
ExitStatus verb_doctor(Options *o)
{
    (void)o;
    return EXIT_CALL;
}
