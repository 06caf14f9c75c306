// What libFuzzer calls; its own main comes from the toolchain. ASSAYD_FUZZ_TARGET names the target.
#include <stddef.h>
#include <stdint.h>

extern int assayd_fuzz(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) { return assayd_fuzz(bytes, count); }
