// A log file as conmon writes it, or as a torn write or a full disk left it: no line is longer than
// the limit and none is made up.
#include "base/check.h"
#include "drivers/log/line.h"
#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    moln::FuzzInput input(data, size);
    moln::LogAssembler assembler;
    std::size_t text_bytes = 0;
    while (!input.rest().empty()) {
        const auto line = assembler.feed(input.line());
        if (!line) continue;
        CHECK(line->text.size() <= moln::k_log_text_bytes_max);
        text_bytes += line->text.size();
    }
    CHECK(text_bytes <= size);
    return 0;
}
