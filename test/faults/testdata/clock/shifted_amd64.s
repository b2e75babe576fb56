#include "textflag.h"

// shifted is called by the runtime as the vDSO's clock_gettime(clock, *timespec), in the C calling convention: it adds clockShift to
// the seconds of the wall clock, and leaves the monotonic clock alone.
TEXT ·shifted(SB), NOSPLIT|NOFRAME, $0
	PUSHQ DI
	PUSHQ SI
	SUBQ  $8, SP
	MOVQ  ·clockGettime(SB), AX
	TESTQ AX, AX
	JZ    kernel
	CALL  AX
	JMP   shift

kernel:
	MOVQ $228, AX // clock_gettime
	SYSCALL

shift:
	ADDQ  $8, SP
	POPQ  SI
	POPQ  DI
	TESTQ DI, DI // CLOCK_REALTIME
	JNZ   done
	MOVQ  ·clockShift(SB), CX
	ADDQ  CX, 0(SI)

done:
	RET

GLOBL ·shiftedAddress(SB), RODATA, $8
DATA ·shiftedAddress(SB)/8, $·shifted(SB)
