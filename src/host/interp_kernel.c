/* Kernel calls: instances built on first use, outputs made from the shapes of the inputs. */
#include "host/interp.h"

/* ---- instances ----------------------------------------------------------------------------------
 */

static bool is_plain(const Symbol *kernel, const CallInfo *call)
{
    return call->binding_count == 0 && KID(kernel->decl, Kernel, generics)->count == 0;
}

static void build_failed(Interp *in, const Ast *node, CompileStatus status,
                         const HdFailure *failure)
{
    in->built = status;
    if (status == COMPILE_WRONG) interp_stop(in, node->span, "the kernel does not compile");
    if (status != COMPILE_OK) interp_stop(in, node->span, "%s", in->session->message);
    in->is_skip = failure->status == HD_LACKING;
    if (failure->status == HD_REFUSED) {
        in->built = COMPILE_INTERNAL;
        in->session->message = base_format(in->session->arena, "%s", failure->text);
    }
    interp_stop(in, node->span, "%s", failure->text);
}

static HdLoadedModule *build(Interp *in, const Ast *node, const CompileOptions *options)
{
    HdFailure failure = {0};
    CompileStatus status;
    HdLoadedModule *module = host_build(in->host, in->session, options, &status, &failure);
    if (!module) build_failed(in, node, status, &failure);
    return module;
}

/* The defines a call's bracket and named arguments mean, appended to the command line's. */
static CompileOptions specialised(Interp *in, const CallInfo *call, Sb *key)
{
    CompileOptions o = *in->options;
    LowerDefine *defines =
        NEW_ARRAY(in->arena, LowerDefine, (size_t)(o.define_count + call->binding_count) + 1);
    for (int i = 0; i < call->binding_count; i++) {
        const Binding *b = &call->bindings[i];
        LowerDefine *d = &defines[i];
        d->name = b->generic->name->text;
        SymbolKind kind = b->generic->kind;
        const Type *type = b->generic->type;
        bool mapping = kind == SYMBOL_GENERIC_MAPPING || (type && type->kind == TYPE_MAPPING);
        if (b->type)
            d->elem = interp_elem(in, b->type);
        else if (mapping || kind == SYMBOL_GENERIC_FN)
            d->value = b->value;
        else if (b->value)
            d->number = interp_int(in, b->value);
        /* a function is known by its symbol, a mapping by where it is written */
        const Symbol *named = d->value ? d->value->symbol : NULL;
        uint32_t written = named ? named->id : d->value ? d->value->span.begin : 0;
        base_sb_printf(key, "%s=%d:%lld:%d%u,", d->name, (int)d->elem, (long long)d->number,
                       named != NULL, written);
    }
    if (o.define_count)
        memcpy(defines + call->binding_count, o.defines, (size_t)o.define_count * sizeof *defines);
    o.defines = defines;
    o.define_count += call->binding_count;
    return o;
}

static HdLoadedModule *instance(Interp *in, const Ast *node)
{
    const Symbol *kernel = node->call->callee;
    bool local = kernel->module == in->session->program->main;
    if (is_plain(kernel, node->call) && local) {
        CompileOptions o = *in->options;
        o.every_kernel = true;
        if (!in->plain) in->plain = build(in, node, &o);
        return in->plain;
    }
    Sb key = base_sb(in->arena);
    CompileOptions o = specialised(in, node->call, &key);
    const char *text = base_sb_text(&key);
    for (size_t i = 0; i < in->instances.len; i++)
        if (in->instances.data[i].kernel == kernel && strcmp(in->instances.data[i].key, text) == 0)
            return in->instances.data[i].module;
    o.symbol = kernel;
    Instance made = {kernel, text, build(in, node, &o)};
    VEC_PUSH(in->arena, in->instances, made);
    return made.module;
}

/* ---- arguments
 * ------------------------------------------------------------------------------------ */

typedef struct Launch {
    const HdKernelInfo *info;
    HostArg *args;
    int64_t *sizes;
    HostTensor **outs;
    int out_count;
} Launch;

static void take_tensor(Interp *in, const Ast *arg, const IValue *v, Launch *l, int p)
{
    const HdParamInfo *info = &l->info->params[p];
    if (v->kind != IV_TENSOR) interp_stop(in, arg->span, "parameter `%s` is a tensor", info->name);
    l->args[p].tensor = v->tensor;
    for (int d = 0; d < info->rank && d < v->tensor->dl.ndim; d++)
        if (info->extent_size[d] >= 0) l->sizes[info->extent_size[d]] = v->tensor->shape[d];
}

static void take_args(Interp *in, const Ast *node, Launch *l, bool all)
{
    const Ast *args = KID(node, Call, args);
    int p = 0;
    for (uint32_t i = 0; i < args->count; i++) {
        const Ast *arg = args->kid[i];
        if (arg->kind == AST_NamedArg) continue;
        while (!all && p < l->info->param_count && l->info->params[p].mode == 1) p++;
        if (p >= l->info->param_count) interp_stop(in, arg->span, "there is no parameter for this");
        IValue v = interp_expr(in, arg);
        const HdParamInfo *info = &l->info->params[p];
        if (info->is_tensor) {
            take_tensor(in, arg, &v, l, p);
        } else {
            if (v.kind != IV_SCALAR)
                interp_stop(in, arg->span, "parameter `%s` is a number", info->name);
            Elem elem = vocab_elem_find(info->elem, strlen(info->elem));
            l->args[p].scalar = scalar_bits(scalar_cast(elem, v.scalar));
        }
        p++;
    }
}

static void make_outs(Interp *in, const Ast *node, Launch *l)
{
    for (int p = 0; p < l->info->param_count; p++) {
        const HdParamInfo *info = &l->info->params[p];
        if (info->mode != 1 || l->args[p].tensor) continue;
        int64_t shape[HOST_MAX_RANK];
        for (int d = 0; d < info->rank; d++) {
            const char *error = host_extent(l->info, l->sizes, l->args, p, d, &shape[d]);
            if (error)
                interp_stop(in, node->span, "extent %d of the output `%s`: %s; pass the output too",
                            d, info->name, error);
        }
        Elem elem = vocab_elem_find(info->elem, strlen(info->elem));
        HostTensor *t = interp_new_tensor(in, node->span, elem, info->rank, shape);
        host_tensor_scramble(t, &in->noise);
        l->args[p].tensor = t;
        l->outs[l->out_count++] = t;
    }
}

static IValue results(Interp *in, const Launch *l)
{
    IValue *items = NEW_ARRAY(in->arena, IValue, (size_t)l->out_count + 1);
    for (int i = 0; i < l->out_count; i++) items[i] = ivalue_tensor(l->outs[i]);
    if (l->out_count == 1) return items[0];
    return (IValue){
        .kind = l->out_count ? IV_TUPLE : IV_NONE, .count = l->out_count, .items = items};
}

/* ---- measuring
 * --------------------------------------------------------------------------------------- */

static bool measure(Interp *in, HdLoadedModule *module, const Launch *l, HdFailure *failure)
{
    HostTiming timing = {.title = in->title, .kernel = l->info->name};
    for (int p = 0; p < l->info->param_count; p++)
        if (l->args[p].tensor)
            timing.bytes +=
                (double)l->args[p].tensor->bytes * (l->info->params[p].mode == 2 ? 2 : 1);
    if (!host_measure(in->host, module, l->info->name, l->args, l->info->param_count, &timing.time,
                      failure))
        return false;
    in->sink(in->sink_user, &timing);
    return true;
}

/* ---- the call
 * ------------------------------------------------------------------------------------------ */

IValue interp_kernel(Interp *in, const Ast *node)
{
    HdLoadedModule *module = instance(in, node);
    const Symbol *kernel = node->call->callee;
    Launch l = {.info = hd_module_kernel(hd_rt_module_info(module), kernel->name->text)};
    if (!l.info) interp_stop(in, node->span, "`%s` was not built", kernel->name->text);
    size_t count = (size_t)l.info->param_count + 1;
    l.args = NEW_ARRAY(in->arena, HostArg, count);
    l.outs = NEW_ARRAY(in->arena, HostTensor *, count);
    l.sizes = NEW_ARRAY(in->arena, int64_t, (size_t)l.info->size_count + 1);
    for (int i = 0; i < l.info->size_count; i++) l.sizes[i] = -1;
    uint32_t given = 0;
    const Ast *args = KID(node, Call, args);
    for (uint32_t i = 0; i < args->count; i++) given += args->kid[i]->kind != AST_NamedArg;
    take_args(in, node, &l, (int)given == l.info->param_count);
    make_outs(in, node, &l);
    HdFailure failure = {0};
    bool good = in->sink ? measure(in, module, &l, &failure)
                         : host_launch(in->host, module, l.info->name, l.args, l.info->param_count,
                                       NULL, &failure);
    if (!good) {
        in->is_skip = failure.status == HD_LACKING;
        interp_stop(in, node->span, "%s", failure.text);
    }
    return results(in, &l);
}
