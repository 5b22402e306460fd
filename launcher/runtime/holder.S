/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/holder.S - the first process of namespaces that the containers of a task share (pidMode and ipcMode "task").
 * It ignores SIGCHLD, so that the kernel reaps whatever is left to it, and waits for ever. Nothing else is in its memory or its
 * root: who may look into it finds nothing. */
#define SIGCHLD      17
#define SA_NOCLDWAIT 2
    .section .text
    .balign 8
ignore: /* struct sigaction of the kernel: SIG_IGN, flags, restorer, mask */
    .quad 1, SA_NOCLDWAIT, 0, 0
    .text
    .globl _start
_start:
#if defined(__x86_64__)
    mov $13, %eax /* rt_sigaction */
    mov $SIGCHLD, %edi
    lea ignore(%rip), %rsi
    xor %edx, %edx
    mov $8, %r10d
    syscall
1:  mov $271, %eax /* ppoll of nothing, without end */
    xor %edi, %edi
    xor %esi, %esi
    xor %edx, %edx
    xor %r10d, %r10d
    mov $8, %r8d
    syscall
    jmp 1b
#elif defined(__aarch64__)
    mov x8, #134 /* rt_sigaction */
    mov x0, #SIGCHLD
    adr x1, ignore
    mov x2, #0
    mov x3, #8
    svc #0
1:  mov x8, #73 /* ppoll of nothing, without end */
    mov x0, #0
    mov x1, #0
    mov x2, #0
    mov x3, #0
    mov x4, #8
    svc #0
    b 1b
#else
#error "this processor has no holder here"
#endif
    .section .note.GNU-stack, "", %progbits
