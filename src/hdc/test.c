#include "hdc/hdc.h"
ExitStatus verb_test(Options *o) { (void)o; return EXIT_CALL; }
