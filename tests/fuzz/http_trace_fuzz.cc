// Any text as a traceparent: what is taken is printed as a version 00 that reads the same.
#include <array>

#include "base/check.h"
#include "fuzz_input.h"
#include "http/trace.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = moln::FuzzInput(data, size).rest();
    const auto trace = moln::http::parse_traceparent(text);
    if (!trace) return 0;
    std::array<char, moln::http::k_traceparent_bytes> out;
    moln::http::format_traceparent(*trace, out);
    const std::string_view printed(out.data(), out.size());
    CHECK(moln::http::parse_traceparent(printed) == trace);
    // Of the flags only "sampled" is kept.
    CHECK(!text.starts_with("00-") || printed.substr(0, 53) == text.substr(0, 53));
    return 0;
}
