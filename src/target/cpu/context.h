/* Contexts of coroutines (threads.h): a stack and the place to go on. */
#ifndef __x86_64__
#include <ucontext.h>
#endif

#ifdef __x86_64__
typedef void *HdContext;
void hd_context_switch(HdContext *from, HdContext *to) __attribute__((visibility("hidden")));
__asm__(".text\n"
        ".p2align 4\n"
        ".weak hd_context_switch\n"
        ".hidden hd_context_switch\n"
        ".type hd_context_switch, @function\n"
        "hd_context_switch:\n"
        "    pushq %rbp\n    pushq %rbx\n    pushq %r12\n"
        "    pushq %r13\n    pushq %r14\n    pushq %r15\n"
        "    movq %rsp, (%rdi)\n    movq (%rsi), %rsp\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n"
        "    popq %r12\n    popq %rbx\n    popq %rbp\n"
        "    ret\n"
        ".size hd_context_switch, .-hd_context_switch\n");
HD_COLD void hd_context_make(HdContext *c, char *stack, uint64_t size, void (*entry)(void))
{
    uintptr_t *top = (uintptr_t *)(stack + size) - 2;
    top[0] = (uintptr_t)entry; /* where `ret` goes; the stack is then as after a call */
    top[1] = 0;
    memset(top - 6, 0, 6 * sizeof *top);
    *c = top - 6;
}
#else
typedef ucontext_t HdContext;
HD_COLD void hd_context_make(HdContext *c, char *stack, uint64_t size, void (*entry)(void))
{
    getcontext(c);
    c->uc_stack.ss_sp = stack;
    c->uc_stack.ss_size = size;
    c->uc_link = NULL;
    makecontext(c, entry, 0);
}
HD_COLD void hd_context_switch(HdContext *from, HdContext *to)
{
    swapcontext(from, to);
}
#endif
