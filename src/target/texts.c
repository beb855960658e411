#include "target/texts.h"

#include "embed/target.h"

const char *target_text(int which)
{
    return embed_target[which].text;
}
