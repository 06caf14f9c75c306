// Which instruction sets this build has and which of them this processor can run.
#include "CKernels.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#if defined(__x86_64__)
extern const ck_kernels ck_kernels_avx512vnni, ck_kernels_avxvnni, ck_kernels_avx2;
#elif defined(__aarch64__)
extern const ck_kernels ck_kernels_neon_i8mm, ck_kernels_neon_dotprod;
#endif
extern const ck_kernels ck_kernels_portable;

typedef struct {
  const ck_kernels *kernels;
  int (*runs_here)(void);
} path;

static int always(void) { return 1; }

#if defined(__x86_64__)
static int has_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
static int has_avxvnni(void) { return has_avx2() && __builtin_cpu_supports("avxvnni"); }
static int has_avx512vnni(void) {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
}
#elif defined(__aarch64__)
static int has_dotprod(void) { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
static int has_i8mm(void) { return has_dotprod() && (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0; }
#endif

static const path paths[] = {
#if defined(__x86_64__)
    {&ck_kernels_avx512vnni, has_avx512vnni},
    {&ck_kernels_avxvnni, has_avxvnni},
    {&ck_kernels_avx2, has_avx2},
#elif defined(__aarch64__)
    {&ck_kernels_neon_i8mm, has_i8mm},
    {&ck_kernels_neon_dotprod, has_dotprod},
#endif
    {&ck_kernels_portable, always},
};
enum { PATH_COUNT = sizeof(paths) / sizeof(paths[0]) };

const ck_kernels *ck_kernels_for(int index) {
  if (index < 0 || index >= PATH_COUNT) return NULL;
  return paths[index].runs_here() ? paths[index].kernels : NULL;
}

const char *ck_path_name(int index) {
  if (index < 0 || index >= PATH_COUNT) return NULL;
  return paths[index].kernels->name;
}
