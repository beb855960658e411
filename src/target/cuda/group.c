/* Products by a warpgroup: the functions that run wgmma. An instruction has as many registers as
 * its shape, up to 128, and how its factors lie is part of it, so each function is written out. */
#include "target/cuda/machine.h"

/* `_kn` after the name: the first factor's lines hold k, the second's n; `_rn`: the first is in
 * registers. */
const char *target_cuda_group_name(Arena *arena, const IrStmt *s)
{
    char a = s->imm == 0 ? 'r' : s->imm & IR_TURNED ? 'm' : 'k';
    return base_format(arena, "%s_%c%c", target_cuda_function_name(arena, s->text), a,
                       s->imm2 & IR_TURNED ? 'n' : 'k');
}

static void registers(Sb *out, int first, int count)
{
    base_sb_char(out, '{');
    for (int i = 0; i < count; ++i) base_sb_printf(out, "%s%%%d", i ? ", " : "", first + i);
    base_sb_char(out, '}');
}

/* After the factors: whether the sums count, the factors' signs, what of 16 bits is turned. */
static const char *flags_of(Arena *arena, const IrInstruction *in, const IrStmt *s)
{
    int a = s->imm & IR_TURNED ? 1 : 0, b = s->imm2 & IR_TURNED ? 1 : 0;
    if (!vocab_elem_is_float(in->acc_elem)) return "p";
    if (vocab_elem(in->a_elem)->bits != 16) return "p, 1, 1";
    return s->imm ? base_format(arena, "p, 1, 1, %d, %d", a, b)
                  : base_format(arena, "p, 1, 1, %d", b);
}

static void assembly(Sb *out, Arena *arena, const IrInstruction *in, const IrStmt *s, int sums,
                     int first)
{
    base_sb_printf(out, "    asm volatile(\"{.reg .pred p; setp.ne.b32 p, 1, 0; %s \"\n        \"",
                   s->text);
    registers(out, 0, sums);
    base_sb_str(out, ", ");
    if (s->imm == 0)
        registers(out, sums, first);
    else
        base_sb_printf(out, "%%%d", sums);
    base_sb_printf(out, ", %%%d, %s;}\"\n        :", sums + first, flags_of(arena, in, s));
}

static void operands(Sb *out, const IrStmt *s, CudaOperand c, int sums, int first)
{
    bool held = s->imm == 0;
    for (int i = 0; i < sums; ++i)
        base_sb_printf(out, "%s \"+%s\"(c[%d])", i ? "," : "", c.letter, i);
    base_sb_str(out, "\n        :");
    for (int i = 0; held && i < first; ++i) base_sb_printf(out, "%s \"r\"(a[%d])", i ? "," : "", i);
    base_sb_str(out, held ? ", \"l\"(second)" : " \"l\"(first), \"l\"(second)");
    base_sb_str(out, ");\n");
}

void target_cuda_group_function(Arena *arena, const IrInstruction *in, const IrStmt *s, Sb *out)
{
    CudaOperand c = target_cuda_operand(in->acc_elem, in->acc);
    bool held = s->imm == 0;
    int sums = (int)c.registers;
    int first = held ? (int)target_cuda_operand(in->a_elem, in->a).registers : 1;
    const char *name = target_cuda_group_name(arena, s);
    base_sb_printf(out, "#ifdef HD_HOST\nHD_WGMMA_%s(%s, \"%s\", %d, %d)\n#else\n",
                   held ? "HELD" : "SHARED", name, s->text, s->imm & IR_TURNED ? 1 : 0,
                   s->imm2 & IR_TURNED ? 1 : 0);
    base_sb_printf(out, "HD_FN void %s(void *sums, %s, hd_matrix second)\n{\n", name,
                   held ? "const void *held" : "hd_matrix first");
    base_sb_printf(out, "    %s *c = (%s *)sums;\n", c.type, c.type);
    if (held) base_sb_str(out, "    const uint32_t *a = (const uint32_t *)held;\n");
    assembly(out, arena, in, s, sums, first);
    operands(out, s, c, sums, first);
    base_sb_str(out, "}\n#endif\n\n");
}
