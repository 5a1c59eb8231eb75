/* Whether the matrix unit may be used. See amx.h. */

#define _DEFAULT_SOURCE /* syscall */
#include "amx.h"

#ifdef HAS_AMX
#include <sys/syscall.h>
#include <unistd.h>

enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* of arch_prctl: the state is large, so a process must ask */

int amx_usable(void) { return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0; }
#else
int amx_usable(void) { return 0; }
#endif
